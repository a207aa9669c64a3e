"""How a message leaves: over SMTP, or through an SMS gateway."""
