"""What an image or a support bundle must not hold."""
