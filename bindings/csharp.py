"""Writes the binding for .NET."""

from model import Function, Kind, Model, Struct, Value, camel, pascal

HEAD = """\
// Generated from rtsp_webrtc_gateway.h by bindings/generate.py. Do not edit.
//
// The C API, name by name: the header describes each. For .NET Framework 4.7.2, .NET Core and .NET 5 and later, and
// Mono. Gateway.cs is the usual way to it.
using System;
using System.Runtime.InteropServices;
using System.Text;

namespace RtspWebrtcGateway
{
"""

# What C has macros and pointers for.
HELPERS = """\

        /// <summary>Whether a call succeeded. Later versions may add codes; all below 0 are failures.</summary>
        public static bool Succeeded(Status status)
        {
            return status >= 0;
        }

        /// <summary>A struct with its size set: RTSP_WEBRTC_GATEWAY_INIT.</summary>
        public static T New<T>() where T : struct
        {
            int size = Marshal.SizeOf(typeof(T));
            IntPtr memory = Marshal.AllocHGlobal(size);
            try
            {
                Status status = StructInit(memory, (UIntPtr)size, AbiVersionOfHeader);
                if (!Succeeded(status))
                {
                    throw new GatewayException(status);
                }
                return (T)Marshal.PtrToStructure(memory, typeof(T));
            }
            finally
            {
                Marshal.FreeHGlobal(memory);
            }
        }

        /// <summary>A copy of a struct that the library passes, which may be of another version: what it lacks is 0. Its
        /// texts stay the library's: they can be read until the callback returns.</summary>
        public static T Read<T>(IntPtr passed) where T : struct
        {
            int size = Marshal.SizeOf(typeof(T));
            byte[] bytes = new byte[size];
            Marshal.Copy(passed, bytes, 0, (int)Math.Min((long)Marshal.ReadIntPtr(passed), size));
            IntPtr memory = Marshal.AllocHGlobal(size);
            try
            {
                Marshal.Copy(bytes, 0, memory, size);
                return (T)Marshal.PtrToStructure(memory, typeof(T));
            }
            finally
            {
                Marshal.FreeHGlobal(memory);
            }
        }

        /// <summary>The text that ends with NUL; null for NULL.</summary>
        public static string Text(IntPtr text)
        {
            if (text == IntPtr.Zero)
            {
                return null;
            }
            int length = 0;
            while (Marshal.ReadByte(text, length) != 0)
            {
                length++;
            }
            byte[] bytes = new byte[length];
            Marshal.Copy(text, bytes, 0, length);
            return Encoding.UTF8.GetString(bytes);
        }

        /// <summary>The text in a field of fixed size.</summary>
        public static string Text(byte[] field)
        {
            int length = Array.IndexOf(field, (byte)0);
            return Encoding.UTF8.GetString(field, 0, length < 0 ? field.Length : length);
        }

        /// <summary>The message of the last call that failed on this thread.</summary>
        public static string LastError()
        {
            byte[] message = new byte[(int)(uint)LastError(null, UIntPtr.Zero) + 1];
            LastError(message, (UIntPtr)message.Length);
            return Text(message);
        }
    }

    /// <summary>A call that failed.</summary>
    public sealed class GatewayException : Exception
    {
        public GatewayException(Status status) : base(Native.LastError())
        {
            Status = status;
        }

        public Status Status { get; private set; }
    }
}
"""

NUMBERS = {
    "int": "int", "size_t": "UIntPtr", "int32_t": "int", "int64_t": "long", "uint16_t": "ushort",
    "uint32_t": "uint", "uint64_t": "ulong",
}
KEYWORDS = {"object", "event"}


def basic(value: Value) -> str:
    """The type of what is passed by value."""
    if value.kind is Kind.NUMBER:
        return NUMBERS[value.of]
    if value.kind is Kind.ID:
        return "ulong"
    return pascal(value.of) if value.kind is Kind.ENUM else "IntPtr"


def field(value: Value) -> str:
    name = pascal(value.name)
    if value.kind is Kind.CHARACTERS:
        marshal = f"[MarshalAs(UnmanagedType.ByValArray, SizeConst = {value.array})]"
        return f"        {marshal}\n        public byte[] {name};\n"
    return f"        public {basic(value)} {name};\n"


def parameter(value: Value, of_callback: bool) -> str:
    name = camel(value.name)
    name = f"@{name}" if name in KEYWORDS else name
    if not of_callback:
        if value.kind is Kind.TEXT:
            return f"[MarshalAs(UnmanagedType.LPUTF8Str)] string {name}"
        if value.kind in (Kind.BYTES, Kind.BUFFER):
            return f"byte[] {name}"
        if value.kind is Kind.BOOL:
            return f"[MarshalAs(UnmanagedType.U1)] bool {name}"
        if value.kind is Kind.STRUCT:
            return f"ref {pascal(value.of)} {name}"
        if value.kind is Kind.FUNCTION:
            return f"{pascal(value.of)} {name}"
        if value.kind is Kind.NUMBERS:
            return f"[In, Out] ulong[] {name}"
        if value.what is not None:
            return f"out {basic(value.what)} {name}"
    return f"{basic(value)} {name}"


def signature(function: Function, of_callback: bool) -> str:
    result = {Kind.NOTHING: "void", Kind.BOOL: "bool"}.get(function.result.kind)
    parameters = [parameter(value, of_callback) for value in function.parameters]
    name = pascal(function.name)
    one_line = f"{result or basic(function.result)} {name}({', '.join(parameters)});"
    if len(one_line) <= 100:
        return one_line
    return one_line.split("(")[0] + "(\n            " + ",\n            ".join(parameters) + ");"


def enum(name: str, members: dict[str, int]) -> str:
    flags = name.endswith("_flags")
    lines = [f"        {pascal(member)} = {value},\n" for member, value in members.items()]
    head = "    [Flags]\n" if flags else ""
    kind = "uint" if flags else "int"
    return f"{head}    public enum {pascal(name)} : {kind}\n    {{\n{''.join(lines)}    }}\n"


def struct(declared: Struct) -> str:
    return ("    [StructLayout(LayoutKind.Sequential)]\n"
            f"    public struct {pascal(declared.name)}\n    {{\n"
            f"{''.join(map(field, declared.fields))}    }}\n")


def callback(function: Function) -> str:
    return ("    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]\n"
            f"    public delegate {signature(function, True)}\n")


def imported(function: Function) -> str:
    as_bool = ("        [return: MarshalAs(UnmanagedType.U1)]\n"
               if function.result.kind is Kind.BOOL else "")
    return (f'        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,\n'
            f'            EntryPoint = "rtsp_webrtc_gateway_{function.name}")]\n{as_bool}'
            f"        public static extern {signature(function, False)}\n")


def write(model: Model) -> str:
    types = [
        *(enum(name, members) for name, members in model.enums.items()),
        *map(struct, model.structs),
        *map(callback, model.callbacks),
    ]
    native = (
        "    public static class Native\n    {\n"
        '        public const string Library = "rtsp_webrtc_gateway";\n'
        f'        public const string VersionOfHeader = "{model.version}";\n'
        f"        public const uint AbiVersionOfHeader = {model.abi_version};\n\n"
    )
    return HEAD + "\n".join(types) + "\n" + native + "\n".join(map(imported, model.functions)) + HELPERS
