"""What did it cost, and who pays?"""
