package rtspwebrtcgateway;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import rtspwebrtcgateway.Native.Callbacks;
import rtspwebrtcgateway.Native.Config;
import rtspwebrtcgateway.Native.Frame;
import rtspwebrtcgateway.Native.GatewayException;
import rtspwebrtcgateway.Native.Offer;
import rtspwebrtcgateway.Native.OnKeyframeRequest;
import rtspwebrtcgateway.Native.OnSessionState;
import rtspwebrtcgateway.Native.OnStreamState;
import rtspwebrtcgateway.Native.PullOptions;
import rtspwebrtcgateway.Native.PushOptions;
import rtspwebrtcgateway.Native.SessionEvent;
import rtspwebrtcgateway.Native.Status;
import rtspwebrtcgateway.Native.StreamEvent;
import rtspwebrtcgateway.Native.StreamInfo;

/**
 * A gateway as Java programs expect it: an object with methods, a listener and exceptions, over the calls of Native.
 * What is not here is called there, with handle().
 */
public final class Gateway implements AutoCloseable {
    /** What happens. Called one at a time on a thread of the gateway; what they throw ends the process. */
    public interface Listener {
        default void onStreamState(StreamEvent event) {}

        default void onSessionState(SessionEvent event) {}

        /** A push stream needs a keyframe. */
        default void onKeyframeRequest(long stream) {}
    }

    /**
     * The answer to a WHEP request: what the web server sends, whether the call succeeded or not. message is what went
     * wrong; null if nothing did.
     */
    public record WhepAnswer(
            int status, String message, int httpStatus, String body, List<Map.Entry<String, String>> headers,
            String sessionKey, long session) {}

    // What the callbacks are, for as long as the gateway lives.
    private final Arena arena = Arena.ofShared();
    private final MemorySegment handle;

    /** udpBind: address and port of the UDP socket; null: all addresses, any port. */
    public Gateway(String udpBind, Listener listener) {
        Objects.requireNonNull(listener);
        try (Arena call = Arena.ofConfined()) {
            OnStreamState onStreamState = (data, event) -> listener.onStreamState(new StreamEvent(event));
            OnSessionState onSessionState = (data, event) -> listener.onSessionState(new SessionEvent(event));
            OnKeyframeRequest onKeyframeRequest = (data, stream) -> listener.onKeyframeRequest(stream);
            Callbacks callbacks = new Callbacks(call)
                    .onStreamState(onStreamState.stub(arena))
                    .onSessionState(onSessionState.stub(arena))
                    .onKeyframeRequest(onKeyframeRequest.stub(arena));
            Config config = new Config(call).udpBind(udpBind).callbacks(callbacks.segment);
            MemorySegment out = call.allocate(ADDRESS);
            check(Native.create(config, out));
            handle = out.get(ADDRESS, 0);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /** For the calls of Native. */
    public MemorySegment handle() {
        return handle;
    }

    /** Adds a camera; label may be null. Returns its stream. */
    public long addStream(String name, String url, int pullFlags, String label) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment stream = call.allocate(JAVA_LONG);
            PullOptions options = new PullOptions(call).url(url).flags(pullFlags).label(label);
            check(Native.addStream(handle, name, options, stream));
            return stream.get(JAVA_LONG, 0);
        }
    }

    /** Adds a stream whose frames the host pushes; the codecs are of Native.Codec, label may be null. Returns it. */
    public long addPushStream(String name, int videoCodec, int audioCodec, String label) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment stream = call.allocate(JAVA_LONG);
            PushOptions options = new PushOptions(call).videoCodec(videoCodec).audioCodec(audioCodec).label(label);
            check(Native.addPushStream(handle, name, options, stream));
            return stream.get(JAVA_LONG, 0);
        }
    }

    /** Pushes a frame, of which the library makes a copy. False: there was no room, and it is dropped. */
    public boolean pushVideo(long stream, byte[] data, long ptsUs, int frameFlags) {
        try (Arena call = Arena.ofConfined()) {
            Frame frame = new Frame(call)
                    .data(call.allocateFrom(JAVA_BYTE, data)).size(data.length).ptsUs(ptsUs).flags(frameFlags);
            int status = Native.pushVideo(handle, stream, frame);
            return status != Status.ERR_QUEUE_FULL && check(status);
        }
    }

    public void removeStream(long stream) {
        check(Native.removeStream(handle, stream));
    }

    public StreamInfo streamInfo(long stream) {
        StreamInfo info = new StreamInfo(Arena.ofAuto());
        check(Native.getStreamInfo(handle, stream, info));
        return info;
    }

    /** Answers POST. Waits until the stream has media. locationPrefix and peer may be null. */
    public WhepAnswer whepOffer(String streamName, String sdp, String locationPrefix, String peer) {
        try (Arena call = Arena.ofConfined()) {
            Offer offer = new Offer(call).streamName(streamName).locationPrefix(locationPrefix).peer(peer)
                    .sdp(sdp).sdpSize(sdp.getBytes(StandardCharsets.UTF_8).length);
            MemorySegment response = call.allocate(ADDRESS);
            return answer(Native.handleWhepOffer(handle, offer, response), response);
        }
    }

    /** Answers PATCH. */
    public WhepAnswer whepPatch(String sessionKey, String ifMatch, String fragment) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment body = call.allocateFrom(fragment);
            MemorySegment response = call.allocate(ADDRESS);
            int status = Native.handleWhepPatch(handle, sessionKey, ifMatch, body, body.byteSize() - 1, response);
            return answer(status, response);
        }
    }

    /** Answers DELETE. */
    public WhepAnswer whepDelete(String sessionKey) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment response = call.allocate(ADDRESS);
            return answer(Native.handleWhepDelete(handle, sessionKey, response), response);
        }
    }

    public String stateJson() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment text = call.allocate(ADDRESS);
            check(Native.stateJson(handle, text, MemorySegment.NULL));
            return take(text);
        }
    }

    /** The figures for Prometheus. */
    public String metrics() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment text = call.allocate(ADDRESS);
            check(Native.metrics(handle, text, MemorySegment.NULL));
            return take(text);
        }
    }

    /** Ends all sessions and streams. Not within a callback. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            check(Native.destroy(handle));
            arena.close();
        }
    }

    private static String take(MemorySegment out) {
        MemorySegment text = out.get(ADDRESS, 0);
        String taken = Native.text(text);
        Native.stringFree(text);
        return taken;
    }

    private static WhepAnswer answer(int status, MemorySegment out) {
        String message = status < 0 ? Native.lastError() : null;
        MemorySegment response = out.get(ADDRESS, 0);
        try (Arena call = Arena.ofConfined()) {
            List<Map.Entry<String, String>> headers = new ArrayList<>();
            MemorySegment name = call.allocate(ADDRESS);
            MemorySegment value = call.allocate(ADDRESS);
            for (int i = 0; Native.responseHeader(response, i, name, value); i++) {
                headers.add(Map.entry(Native.text(name.get(ADDRESS, 0)), Native.text(value.get(ADDRESS, 0))));
            }
            return new WhepAnswer(
                    status, message, Native.responseHttpStatus(response),
                    Native.responseBody(response, MemorySegment.NULL), headers,
                    Native.responseSessionKey(response), Native.responseSessionId(response));
        } finally {
            Native.responseFree(response);
        }
    }

    private static boolean check(int status) {
        if (status < 0) {
            throw new GatewayException(status);
        }
        return true;
    }
}
