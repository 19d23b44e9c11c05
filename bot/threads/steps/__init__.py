"""The steps of a turn: the model is asked, a command rehearsed, a change proposed and replayed."""
