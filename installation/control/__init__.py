"""Hands on the board: keys here, others later."""
