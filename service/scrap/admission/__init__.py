"""Admission: how many fetches run at once, how many wait, and which are rejected."""

from scrap.admission.admission import Admission, Slot
from scrap.admission.cpu import CPUAllowance, CPUUsage, cpu_limit
from scrap.admission.executor import Executor
from scrap.admission.limits import AdmissionLimits

__all__ = ["Admission", "AdmissionLimits", "CPUAllowance", "CPUUsage", "Executor", "Slot", "cpu_limit"]
