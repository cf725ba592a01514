"""May this request run, and can it pay?"""
