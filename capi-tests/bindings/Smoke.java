import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import rtspwebrtcgateway.Gateway;
import rtspwebrtcgateway.Gateway.WhepAnswer;
import rtspwebrtcgateway.Native;
import rtspwebrtcgateway.Native.Codec;
import rtspwebrtcgateway.Native.FrameFlags;
import rtspwebrtcgateway.Native.GatewayException;
import rtspwebrtcgateway.Native.SessionEvent;
import rtspwebrtcgateway.Native.SessionState;
import rtspwebrtcgateway.Native.Status;
import rtspwebrtcgateway.Native.StreamEvent;
import rtspwebrtcgateway.Native.StreamInfo;
import rtspwebrtcgateway.Native.StreamState;
import rtspwebrtcgateway.Native.Struct;

/**
 * The Java binding at work. Prints the layout of its structs with the argument --layout; else runs a gateway with the
 * offer in the file that is the argument.
 */
public final class Smoke {
    /** SPS, PPS, and the beginning of an IDR picture. */
    private static final byte[] KEYFRAME = {
        0, 0, 0, 1, 0x67, 0x42, (byte) 0xc0, 0x1e, (byte) 0xda, 0x02, (byte) 0x80, (byte) 0xf6, (byte) 0x84, 0, 0, 0, 1,
        0x68, (byte) 0xce, 0x3c, (byte) 0x80, 0, 0, 0, 1, 0x65, (byte) 0x88, (byte) 0x84, 0x21, (byte) 0xa0,
    };

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("--layout")) {
            layout();
        } else {
            run(Files.readString(Path.of(arguments[0])));
            System.out.println("works with " + Native.version() + " on " + Runtime.version());
        }
    }

    private static void layout() throws ReflectiveOperationException {
        for (Class<?> type : Native.class.getDeclaredClasses()) {
            if (type == Struct.class || !Struct.class.isAssignableFrom(type)) {
                continue;
            }
            StructLayout layout = (StructLayout) type.getField("LAYOUT").get(null);
            String name = layout.name().orElseThrow();
            System.out.println(name + " " + layout.byteSize());
            for (MemoryLayout member : layout.memberLayouts()) {
                member.name().ifPresent(field -> System.out.println(
                        name + "." + field + " " + layout.byteOffset(PathElement.groupElement(field))));
            }
        }
    }

    private static void run(String sdp) throws InterruptedException {
        List<StreamEvent> streams = new ArrayList<>();
        List<Integer> sessions = new ArrayList<>();
        CountDownLatch live = new CountDownLatch(1);
        Gateway.Listener listener = new Gateway.Listener() {
            @Override
            public void onStreamState(StreamEvent event) {
                streams.add(event);
                if (event.state() == StreamState.LIVE) {
                    live.countDown();
                }
            }

            @Override
            public void onSessionState(SessionEvent event) {
                sessions.add(event.state());
            }
        };
        String state;
        try (Gateway gateway = new Gateway("127.0.0.1:0", listener)) {
            long stream = gateway.addPushStream("door", Codec.H264, Codec.PCMU, "Tür");
            check(gateway.pushVideo(stream, KEYFRAME, 0, FrameFlags.KEY), "a frame is taken");
            live.await();
            StreamInfo info = gateway.streamInfo(stream);
            check(info.state() == StreamState.LIVE && info.width() == 640, "what it says of the stream");
            check(info.name().equals("door") && info.label().equals("Tür"), "the stream's name");

            WhepAnswer answer = gateway.whepOffer("door", sdp, "/whep/", null);
            check(answer.httpStatus() == 201 && answer.message() == null, "an offer is answered: " + answer.message());
            check(answer.body().startsWith("v=0") && answer.session() != 0, "with an SDP and a session");
            String location = "Location=/whep/" + answer.sessionKey();
            check(answer.headers().stream().anyMatch(header -> header.toString().equals(location)), "Location");
            check(gateway.whepDelete(answer.sessionKey()).httpStatus() == 200, "a session is ended");

            WhepAnswer refused = gateway.whepOffer("door", sdp.replace("fingerprint", "no-fingerprint"), null, null);
            check(refused.status() == Status.ERR_FINGERPRINT && refused.httpStatus() == 400, "an offer is refused");
            check(refused.message().contains("fingerprint"), "with a reason: " + refused.message());

            try {
                gateway.addStream("door", "rtsp://127.0.0.1:9/", 0, null);
                check(false, "a name is taken once");
            } catch (GatewayException e) {
                check(e.status == Status.ERR_ALREADY_EXISTS && e.getMessage().contains("door"), e.getMessage());
            }
            state = gateway.stateJson();
            check(gateway.metrics().contains("# TYPE "), "metrics");
        }
        check(state.contains("\"Tür\""), "the stream is in the state: " + state);
        // Events outlive the callback, and the gateway.
        List<String> told = streams.stream().map(event -> event.name() + " " + event.state()).toList();
        check(told.equals(List.of("door " + StreamState.LIVE, "door " + StreamState.REMOVED)), told.toString());
        check(sessions.getFirst() == SessionState.NEW && sessions.getLast() == SessionState.CLOSED, sessions.toString());
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
