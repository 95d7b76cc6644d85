"""Does what is due, and reads whether anything is late."""
