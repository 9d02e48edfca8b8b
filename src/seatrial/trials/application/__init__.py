"""What the reference application does for its users: accounts, todos of their own, chat, and answers to bad requests.

These trials know its API, which is the reference application's alone; how one becomes a user stands in seatrial.yaml.
"""
