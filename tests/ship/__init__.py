"""What is shipped: the image and the stack of containers, as far as no engine is needed."""
