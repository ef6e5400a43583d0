"""What happens to a frame or a residual on its way to the wall."""
