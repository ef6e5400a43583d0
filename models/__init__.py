"""The dream: tensors in, tensors out. No camera, no knob, no thread, no clock."""
