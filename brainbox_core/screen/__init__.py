"""What people see while work goes on."""
