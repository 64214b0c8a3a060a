"""FHIR R4 adapter for precision oncology in breast cancer: codes in, published interpretations with their basis out."""

__version__ = "0.1.0"
