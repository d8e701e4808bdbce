"""Who is told when something is worth a person's time: events, the outbox that loses none, and the sending."""
