"""Writes the binding for Java."""

from model import Function, Kind, Model, Struct, Value, camel, pascal

HEAD = """\
// Generated from rtsp_webrtc_gateway.h by bindings/generate.py. Do not edit.
package rtspwebrtcgateway;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The C API, name by name: the header describes each. For Java 22 and later, where pointers have 64 bits. Gateway is
 * the usual way to it.
 *
 * <p>The shared library is the file that the property {@code rtsp_webrtc_gateway.library} names, else the one that the
 * system's loader finds.
 */
public final class Native {
"""

HELPERS = """\

    private Native() {}

    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBRARY = library();

    private static SymbolLookup library() {
        String named = System.getProperty("rtsp_webrtc_gateway.library");
        if (named != null) {
            return SymbolLookup.libraryLookup(Path.of(named), Arena.global());
        }
        String name = System.mapLibraryName("rtsp_webrtc_gateway");
        // On Linux the package for programs has the name with the ABI alone.
        String found = name.endsWith(".so") ? name + "." + ABI_NAME : name;
        return SymbolLookup.libraryLookup(found, Arena.global());
    }

    private static long offset(StructLayout layout, String field) {
        return layout.byteOffset(PathElement.groupElement(field));
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        String symbol = "rtsp_webrtc_gateway_" + name;
        MemorySegment address = LIBRARY.find(symbol).orElseThrow(() -> new UnsatisfiedLinkError(symbol));
        return LINKER.downcallHandle(address, descriptor);
    }

    private static MemorySegment stub(Object callback, Class<?> type, Arena arena, FunctionDescriptor descriptor) {
        try {
            MethodType methodType = descriptor.toMethodType();
            MethodHandle method = MethodHandles.lookup().findVirtual(type, "call", methodType);
            return LINKER.upcallStub(method.bindTo(callback), descriptor, arena);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static Error notThrown(Throwable e) {
        return new AssertionError("a C function throws nothing", e);
    }

    private static MemorySegment pointer(MemorySegment segment) {
        return segment == null ? MemorySegment.NULL : segment;
    }

    private static MemorySegment pointer(Struct struct) {
        return struct == null ? MemorySegment.NULL : struct.segment;
    }

    private static MemorySegment pointer(String text, Arena arena) {
        return text == null ? MemorySegment.NULL : arena.allocateFrom(text);
    }

    /** The text that ends with NUL; null for NULL. */
    public static String text(MemorySegment text) {
        return text.equals(MemorySegment.NULL) ? null : text.reinterpret(Long.MAX_VALUE).getString(0);
    }

    /** The message of the last call that failed on this thread. */
    public static String lastError() {
        try (Arena arena = Arena.ofConfined()) {
            long size = lastError(MemorySegment.NULL, 0) + 1;
            MemorySegment message = arena.allocate(size);
            lastError(message, size);
            return message.getString(0);
        }
    }

    /** A call that failed. */
    public static final class GatewayException extends RuntimeException {
        /** One of {@link Status}. */
        public final int status;

        public GatewayException(int status) {
            super(lastError());
            this.status = status;
        }
    }

    /** The layout that a C compiler gives a struct with these fields. */
    private static StructLayout struct(String name, MemoryLayout... fields) {
        List<MemoryLayout> members = new ArrayList<>();
        long offset = 0;
        long alignment = 1;
        for (MemoryLayout field : fields) {
            alignment = Math.max(alignment, field.byteAlignment());
            long hole = -offset & (field.byteAlignment() - 1);
            if (hole != 0) {
                members.add(MemoryLayout.paddingLayout(hole));
            }
            members.add(field);
            offset += hole + field.byteSize();
        }
        long hole = -offset & (alignment - 1);
        if (hole != 0) {
            members.add(MemoryLayout.paddingLayout(hole));
        }
        return MemoryLayout.structLayout(members.toArray(new MemoryLayout[0])).withName(name);
    }

    /** A struct of the library. Its texts are allocated by what allocated the struct. */
    public abstract static class Struct {
        public final MemorySegment segment;
        private final SegmentAllocator allocator;

        Struct(StructLayout layout, SegmentAllocator allocator) {
            this.allocator = allocator;
            segment = allocator.allocate(layout);
            if (layout.select(PathElement.groupElement(0)).name().orElse("").equals("struct_size")) {
                int status = structInit(segment, layout.byteSize(), ABI_VERSION_OF_HEADER);
                if (status < 0) {
                    throw new GatewayException(status);
                }
            }
        }

        /**
         * A copy of what the library passes and of the texts in it, which may be of another version: what it lacks is 0.
         * Other pointers in it are good until the callback returns.
         */
        Struct(StructLayout layout, MemorySegment passed, long... texts) {
            allocator = Arena.ofAuto();
            segment = allocator.allocate(layout);
            long size = passed.reinterpret(JAVA_LONG.byteSize()).get(JAVA_LONG, 0);
            size = Math.min(size, layout.byteSize());
            segment.copyFrom(passed.reinterpret(size));
            for (long at : texts) {
                text(at, Native.text(segment.get(ADDRESS, at)));
            }
        }

        final void text(long offset, String text) {
            segment.set(ADDRESS, offset, text == null ? MemorySegment.NULL : allocator.allocateFrom(text));
        }
    }
"""

# C type: Java's type and layout. On these platforms a size_t has 64 bits.
NUMBERS = {
    "int": ("int", "JAVA_INT"), "size_t": ("long", "JAVA_LONG"), "int32_t": ("int", "JAVA_INT"),
    "int64_t": ("long", "JAVA_LONG"), "uint16_t": ("short", "JAVA_SHORT"),
    "uint32_t": ("int", "JAVA_INT"), "uint64_t": ("long", "JAVA_LONG"),
}


def basic(value: Value) -> tuple[str, str]:
    """The type and the layout of what is passed by value. Enums are constants: versions may add some."""
    if value.kind is Kind.NUMBER:
        return NUMBERS[value.of]
    if value.kind is Kind.BOOL:
        return "boolean", "JAVA_BOOLEAN"
    if value.kind is Kind.ID:
        return "long", "JAVA_LONG"
    return ("int", "JAVA_INT") if value.kind is Kind.ENUM else ("MemorySegment", "ADDRESS")


def offset(value: Value) -> str:
    return f"OF_{value.name.upper()}"


def accessors(struct: str, value: Value) -> str:
    name, at = camel(value.name), offset(value)
    kind, layout = basic(value)
    get, set_ = f"segment.get({layout}, {at})", f"segment.set({layout}, {at}, value)"
    if value.kind is Kind.TEXT:
        kind, get, set_ = "String", f"Native.text({get})", f"text({at}, value)"
    if value.kind is Kind.CHARACTERS:
        kind, get = "String", f"segment.asSlice({at}, {value.array}).getString(0)"
    getter = f"        public {kind} {name}() {{ return {get}; }}\n"
    if value.kind is Kind.CHARACTERS or value.name == "struct_size":
        return getter  # the library fills it
    return getter + f"        public {pascal(struct)} {name}({kind} value) {{ {set_}; return this; }}\n"


def struct(declared: Struct) -> str:
    fields, name = declared.fields, pascal(declared.name)

    def layout(value: Value) -> str:
        if value.kind is Kind.CHARACTERS:
            return f'MemoryLayout.sequenceLayout({value.array}, JAVA_BYTE).withName("{value.name}")'
        return f'{basic(value)[1]}.withName("{value.name}")'

    layouts = ",\n                ".join(map(layout, fields))
    offsets = "".join(f'        private static final long {offset(field)} = offset(LAYOUT, "{field.name}");\n'
                      for field in fields)
    texts = "".join(f", {offset(field)}" for field in fields if field.kind is Kind.TEXT)
    received = (f"        public {name}(MemorySegment passed) {{ super(LAYOUT, passed{texts}); }}\n"
                if fields[0].name == "struct_size" else "")
    return (
        f"\n    public static final class {name} extends Struct {{\n"
        f'        public static final StructLayout LAYOUT = struct(\n                "{declared.name}",\n'
        f"                {layouts});\n{offsets}"
        f"\n        public {name}(SegmentAllocator allocator) {{ super(LAYOUT, allocator); }}\n"
        f"{received}\n{''.join(accessors(declared.name, field) for field in fields)}    }}\n")


def enum(name: str, members: dict[str, int]) -> str:
    lines = [f"        public static final int {member} = {value};\n" for member, value in members.items()]
    kind = pascal(name)
    return f"\n    public static final class {kind} {{\n{''.join(lines)}    }}\n"


def descriptor(function: Function) -> str:
    layouts = [basic(value)[1] for value in function.parameters]
    if function.result.kind is Kind.NOTHING:
        return f"FunctionDescriptor.ofVoid({', '.join(layouts)})"
    return f"FunctionDescriptor.of({', '.join([basic(function.result)[1], *layouts])})"


def callback(function: Function) -> str:
    name = pascal(function.name)
    parameters = ", ".join(f"{basic(value)[0]} {camel(value.name)}" for value in function.parameters)
    return (
        f"\n    /** Must not throw. */\n    @FunctionalInterface\n    public interface {name} {{\n"
        f"        void call({parameters});\n\n"
        "        /** What C calls, for as long as the arena lives. */\n"
        "        default MemorySegment stub(Arena arena) {\n"
        f"            return Native.stub(this, {name}.class, arena, {descriptor(function)});\n"
        "        }\n    }\n")


def call(function: Function) -> str:
    parameters, arguments = [], []
    for value in function.parameters:
        kind, name = basic(value)[0], camel(value.name)
        argument = f"pointer({name})" if kind == "MemorySegment" else name
        if value.kind is Kind.TEXT:
            kind, argument = "String", f"pointer({name}, arena)"
        elif value.kind is Kind.STRUCT:
            kind = pascal(value.of)
        parameters.append(f"{kind} {name}")
        arguments.append(argument)
    texts = any(value.kind is Kind.TEXT for value in function.parameters)
    handle = f"CALL_{function.name.upper()}"
    invoked = f"{handle}.invokeExact({', '.join(arguments)})"
    result = basic(function.result)[0]
    if function.result.kind is Kind.NOTHING:
        result, statement = "void", f"{invoked};"
    elif function.result.kind is Kind.TEXT:
        result, statement = "String", f"return text((MemorySegment) {invoked});"
    else:
        statement = f"return ({result}) {invoked};"
    attempt = "try (Arena arena = Arena.ofConfined()) {" if texts else "try {"
    return (
        f'\n    private static final MethodHandle {handle} =\n'
        f'            function("{function.name}", {descriptor(function)});\n'
        f"    public static {result} {camel(function.name)}({', '.join(parameters)}) {{\n"
        f"        {attempt}\n            {statement}\n"
        "        } catch (Throwable e) {\n            throw notThrown(e);\n        }\n    }\n")


def write(model: Model) -> str:
    major, minor, _ = model.version.split(".")
    return (
        HEAD
        + f'    public static final String VERSION_OF_HEADER = "{model.version}";\n'
        + f"    public static final int ABI_VERSION_OF_HEADER = {model.abi_version};\n"
        + f'    private static final String ABI_NAME = "{f"0.{minor}" if major == "0" else major}";\n'
        + "".join(enum(name, members) for name, members in model.enums.items())
        + "".join(map(struct, model.structs))
        + "".join(map(callback, model.callbacks))
        + HELPERS
        + "".join(map(call, model.functions))
        + "}\n"
    )
