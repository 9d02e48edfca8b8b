module seatrial.build/pause

go 1.24.0
