"""The wall: points in, matrices out.  Empty as yet; imports numpy and OpenCV only, never torch."""
