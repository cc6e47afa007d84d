"""Training of the reading model: pictures of lines, released weights made trainable, fine-tuning."""
