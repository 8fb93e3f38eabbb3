"""Where the weights of ranking come from: replies that were rated in their conversations."""
