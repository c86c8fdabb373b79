"""The engine as native code: its own RTL, translated to C++ and compiled."""

from .native_engine import NativeEngine

__all__ = ["NativeEngine"]
