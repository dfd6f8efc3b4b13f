"""People: sign-in, profile, standing, follows, notifications, consent and the outbox."""
