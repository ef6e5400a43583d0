"""The wall: points in, matrices out.  Empty until a projector is calibrated; imports numpy and OpenCV only, never torch."""
