"""The show: cameras, knobs, screens and time.  Importing this package opens no window and starts no thread."""
