"""The gateware as native code: its RTL, translated to C++ and compiled."""

from .native_engine import NativeEngine
from .native_link import NativeLink
from .native_processor import NativeProcessor
from .native_serial import NativeSerialPort

__all__ = ["NativeEngine", "NativeLink", "NativeProcessor", "NativeSerialPort"]
