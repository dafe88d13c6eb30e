"""How much compression saves on recorded conversations: `tailrace eval compress`."""
