// Generated from rtsp_webrtc_gateway.h by bindings/generate.py. Do not edit.
//
// The C API, name by name: the header describes each. For .NET Framework 4.7.2, .NET Core and .NET 5 and later, and
// Mono. Gateway.cs is the usual way to it.
using System;
using System.Runtime.InteropServices;
using System.Text;

namespace RtspWebrtcGateway
{
    public enum Status : int
    {
        Ok = 0,
        ErrInvalidArgument = -1,
        ErrNotFound = -2,
        ErrAlreadyExists = -3,
        ErrInvalidState = -4,
        ErrUnsupported = -5,
        ErrSdp = -6,
        ErrTooLarge = -7,
        ErrCodec = -8,
        ErrFingerprint = -9,
        ErrIceCredentials = -10,
        ErrUrl = -11,
        ErrCredentials = -12,
        ErrNotReady = -13,
        ErrLimit = -14,
        ErrTimeout = -15,
        ErrCancelled = -16,
        ErrAuth = -17,
        ErrConnect = -18,
        ErrCamera = -19,
        ErrStalled = -20,
        ErrIo = -21,
        ErrIce = -22,
        ErrDtls = -23,
        ErrSrtpProfile = -24,
        ErrShuttingDown = -25,
        ErrWouldDeadlock = -26,
        ErrAbiMismatch = -27,
        ErrStructSize = -28,
        ErrQueueFull = -29,
        ErrEtag = -30,
        ErrPreconditionRequired = -31,
        ErrUnprocessable = -32,
        ErrIngest = -33,
        ErrPanic = -100,
    }

    public enum LogLevel : int
    {
        Off = 0,
        Error = 1,
        Warn = 2,
        Info = 3,
        Debug = 4,
        Trace = 5,
    }

    public enum TuningKey : int
    {
        WorkerThreads = 1,
        Nack = 2,
        NackHistoryPackets = 3,
        RtcpIntervalMs = 4,
        SrtpPolicy = 5,
        InterfaceCacheTtlMs = 6,
        Gso = 7,
        SendBatchPackets = 8,
        UdpSendBufferBytes = 9,
        UdpRecvBufferBytes = 10,
        GopCache = 11,
        GopCacheBytes = 12,
        GopCacheMs = 13,
        Pacing = 14,
        PacingRatePercent = 15,
        MaxSessions = 16,
        MaxSessionsPerStream = 17,
        Profile = 18,
        AudioHoldMs = 19,
        NackHistoryMs = 20,
        Congestion = 21,
        CongestionStartKbps = 22,
        CongestionFloorKbps = 23,
        CongestionCeilingKbps = 24,
        DamagedFrames = 25,
        MaxWorkerLoadPercent = 26,
        MemoryLimitBytes = 27,
        DtlsInStun = 28,
    }

    public enum SrtpPolicy : int
    {
        PreferGcm = 0,
        GcmOnly = 1,
        Any = 2,
    }

    public enum Applies : int
    {
        Create = 1,
        NewSessions = 2,
        Now = 3,
    }

    public enum Operation : int
    {
        Watch = 1,
        Update = 2,
        End = 3,
        Monitor = 4,
    }

    public enum Detail : int
    {
        AllFrames = 1,
        FewerFrames = 2,
        Keyframes = 3,
        SoundOnly = 4,
    }

    public enum QualityReason : int
    {
        Nothing = 0,
        Path = 1,
        Viewer = 2,
        Codec = 3,
        Camera = 4,
        RareKeyframes = 5,
    }

    [Flags]
    public enum LimitsFlags : uint
    {
        Only = 1,
    }

    [Flags]
    public enum ConfigFlags : uint
    {
        IceTcp = 1,
        Turn = 2,
    }

    public enum StreamState : int
    {
        Connecting = 1,
        Live = 2,
        Retrying = 3,
        Failed = 4,
        Removed = 5,
        Idle = 6,
    }

    public enum MediaWarning : int
    {
        None = 0,
        BFrames = 1,
        NoKeyframe = 2,
        NoParameterSets = 3,
        Damaged = 4,
        Audio = 5,
        RareKeyframes = 6,
    }

    public enum Codec : int
    {
        None = 0,
        H264 = 1,
        H265 = 2,
        Av1 = 3,
        Opus = 64,
        Pcmu = 65,
        Pcma = 66,
        G722 = 67,
        Aac = 68,
    }

    public enum Transport : int
    {
        Auto = 0,
        Tcp = 1,
        Udp = 2,
        Multicast = 3,
        Http = 4,
    }

    [Flags]
    public enum PullFlags : uint
    {
        NoAudio = 1,
        OnDemand = 2,
        Metadata = 4,
        TlsUnverified = 8,
    }

    [Flags]
    public enum PushFlags : uint
    {
        LengthPrefixed = 1,
    }

    [Flags]
    public enum FrameFlags : uint
    {
        Key = 1,
        Discontinuity = 2,
    }

    public enum SinkTrack : int
    {
        Video = 1,
        Audio = 2,
        Metadata = 3,
    }

    [Flags]
    public enum SinkFlags : uint
    {
        NoVideo = 1,
        NoAudio = 2,
        Metadata = 4,
        FromCache = 8,
        LengthPrefixed = 16,
    }

    [Flags]
    public enum SinkFrameFlags : uint
    {
        Key = 1,
        Discontinuity = 2,
        Damaged = 4,
        Cached = 8,
        FormatChanged = 16,
    }

    public enum OutputState : int
    {
        Waiting = 1,
        Connecting = 2,
        Live = 3,
        Retrying = 4,
        Removed = 5,
    }

    [Flags]
    public enum OutputFlags : uint
    {
        NoVideo = 1,
        NoAudio = 2,
        TlsUnverified = 4,
    }

    [Flags]
    public enum OfferFlags : uint
    {
        NoWait = 1,
        Wall = 2,
    }

    [Flags]
    public enum HttpFlags : uint
    {
        NoWait = 1,
        Authorized = 2,
        Wall = 4,
    }

    [Flags]
    public enum ListenFlags : uint
    {
        Media = 1,
    }

    public enum SessionState : int
    {
        New = 1,
        Connecting = 2,
        Connected = 3,
        Disconnected = 4,
        Failed = 5,
        Closed = 6,
    }

    [Flags]
    public enum SlotFlags : uint
    {
        Focus = 1,
        Paused = 2,
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct LogRecord
    {
        public UIntPtr StructSize;
        public LogLevel Level;
        public uint Reserved;
        public IntPtr Target;
        public IntPtr Message;
        public ulong Stream;
        public ulong Session;
        public IntPtr StreamName;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct TuningInfo
    {
        public UIntPtr StructSize;
        public TuningKey Key;
        public Applies Applies;
        public IntPtr Name;
        public IntPtr Help;
        public long DefaultValue;
        public long MinValue;
        public long MaxValue;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Tuning
    {
        public TuningKey Key;
        public uint Reserved;
        public long Value;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct AuthorizeRequest
    {
        public UIntPtr StructSize;
        public ulong RequestId;
        public IntPtr StreamName;
        public IntPtr BearerToken;
        public IntPtr Peer;
        public Operation Operation;
        public uint Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct StreamEvent
    {
        public UIntPtr StructSize;
        public ulong Stream;
        public StreamState State;
        public Status Status;
        public IntPtr Message;
        public IntPtr StreamUserData;
        public IntPtr Name;
        public IntPtr Label;
        public MediaWarning Warning;
        public uint Reserved;
        public IntPtr WarningMessage;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct SessionEvent
    {
        public UIntPtr StructSize;
        public ulong Session;
        public ulong Stream;
        public SessionState State;
        public Status Status;
        public IntPtr Message;
        public IntPtr SessionUserData;
        public IntPtr Label;
        public IntPtr Peer;
        public IntPtr StreamName;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct QualityEvent
    {
        public UIntPtr StructSize;
        public ulong Session;
        public ulong Stream;
        public ulong Variant;
        public Detail Detail;
        public QualityReason Reason;
        public ulong BandwidthBps;
        public ulong NeededBps;
        public IntPtr HeldBack;
        public IntPtr SessionUserData;
        public IntPtr Label;
        public IntPtr Peer;
        public IntPtr StreamName;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct OutputEvent
    {
        public UIntPtr StructSize;
        public ulong Output;
        public ulong Stream;
        public ulong Session;
        public OutputState State;
        public Status Status;
        public IntPtr Message;
        public IntPtr OutputUserData;
        public IntPtr Server;
        public IntPtr Label;
        public IntPtr StreamName;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct IceServer
    {
        public UIntPtr StructSize;
        public IntPtr Url;
        public IntPtr Username;
        public IntPtr Credential;
        public IntPtr TlsCa;
        public IntPtr TlsFingerprint;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct ViewerLimits
    {
        public UIntPtr StructSize;
        public ulong MaxBitrateBps;
        public ulong Variant;
        public LimitsFlags Flags;
        public uint Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Callbacks
    {
        public UIntPtr StructSize;
        public IntPtr UserData;
        public IntPtr FreeUserData;
        public IntPtr OnStreamState;
        public IntPtr OnSessionState;
        public IntPtr OnKeyframeRequest;
        public IntPtr OnAuthorize;
        public IntPtr OnSessionQuality;
        public IntPtr OnOutputState;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Config
    {
        public UIntPtr StructSize;
        public IntPtr UdpBind;
        public IntPtr PublicAddresses;
        public UIntPtr PublicAddressesLen;
        public IntPtr Tuning;
        public UIntPtr TuningLen;
        public IntPtr Callbacks;
        public IntPtr BearerTokens;
        public UIntPtr BearerTokensLen;
        public IntPtr IceServers;
        public UIntPtr IceServersLen;
        public IntPtr AllowedOrigins;
        public UIntPtr AllowedOriginsLen;
        public ConfigFlags Flags;
        public uint Reserved;
        public IntPtr Interfaces;
        public UIntPtr InterfacesLen;
        public IntPtr StunServers;
        public UIntPtr StunServersLen;
        public int UdpFd;
        public int TcpFd;
        public IntPtr TurnServers;
        public UIntPtr TurnServersLen;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct PullOptions
    {
        public UIntPtr StructSize;
        public IntPtr Url;
        public IntPtr Username;
        public IntPtr Password;
        public Transport Transport;
        public PullFlags Flags;
        public uint ConnectTimeoutMs;
        public uint IdleTimeoutMs;
        public uint RetryMinMs;
        public uint RetryMaxMs;
        public uint LingerMs;
        public uint Reserved;
        public IntPtr Label;
        public IntPtr UserData;
        public IntPtr TlsCa;
        public IntPtr TlsFingerprint;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct StreamInfo
    {
        public UIntPtr StructSize;
        public StreamState State;
        public Status Status;
        public Codec VideoCodec;
        public Codec AudioCodec;
        public uint Width;
        public uint Height;
        public uint Sessions;
        public uint Reconnects;
        public ulong Bytes;
        public ulong PacketsLost;
        public ulong Frames;
        public ulong Keyframes;
        public long SinceLastMediaMs;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 256)]
        public byte[] Message;
        public ulong FramesDropped;
        public ulong KeyframeRequests;
        public ulong BitrateBps;
        public IntPtr UserData;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 136)]
        public byte[] Name;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 136)]
        public byte[] Label;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 256)]
        public byte[] Quirks;
        public MediaWarning Warning;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 252)]
        public byte[] WarningMessage;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct PushOptions
    {
        public UIntPtr StructSize;
        public Codec VideoCodec;
        public Codec AudioCodec;
        public uint AudioSampleRate;
        public uint AudioChannels;
        public uint QueueFrames;
        public PushFlags Flags;
        public IntPtr Label;
        public IntPtr UserData;
        public IntPtr CodecConfig;
        public UIntPtr CodecConfigSize;
        public uint IdleTimeoutMs;
        public uint Reserved;
        public IntPtr AudioConfig;
        public UIntPtr AudioConfigSize;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Frame
    {
        public UIntPtr StructSize;
        public IntPtr Data;
        public UIntPtr Size;
        public long PtsUs;
        public long CaptureUnixUs;
        public FrameFlags Flags;
        public uint Reserved;
        public IntPtr Release;
        public IntPtr ReleaseData;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct SinkOptions
    {
        public UIntPtr StructSize;
        public SinkFlags Flags;
        public uint QueueFrames;
        public ulong QueueBytes;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct SinkFrame
    {
        public UIntPtr StructSize;
        public SinkTrack Track;
        public Codec Codec;
        public IntPtr Data;
        public UIntPtr Size;
        public IntPtr Parameters;
        public UIntPtr ParametersSize;
        public long PtsUs;
        public long CaptureUnixUs;
        public long ArrivalUnixUs;
        public long AgeUs;
        public SinkFrameFlags Flags;
        public uint Width;
        public uint Height;
        public uint SampleRate;
        public uint Channels;
        public uint PacketsLost;
        public uint FramesDropped;
        public uint Reserved;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 24)]
        public byte[] Encoding;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct SinkInfo
    {
        public UIntPtr StructSize;
        public ulong Stream;
        public ulong Frames;
        public ulong Bytes;
        public ulong FramesDropped;
        public ulong Overflows;
        public ulong QueuedBytes;
        public uint QueuedFrames;
        public uint Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct OutputOptions
    {
        public UIntPtr StructSize;
        public IntPtr Url;
        public IntPtr BearerToken;
        public IntPtr TlsCa;
        public IntPtr TlsFingerprint;
        public OutputFlags Flags;
        public uint Reserved;
        public ulong MaxBitrateBps;
        public IntPtr Label;
        public IntPtr UserData;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct OutputInfo
    {
        public UIntPtr StructSize;
        public ulong Stream;
        public ulong Session;
        public OutputState State;
        public Status Status;
        public ulong Attempts;
        public ulong Connections;
        public long RetryInMs;
        public IntPtr UserData;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 256)]
        public byte[] Message;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 264)]
        public byte[] Server;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 136)]
        public byte[] Label;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 256)]
        public byte[] Warning;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Offer
    {
        public UIntPtr StructSize;
        public IntPtr StreamName;
        public IntPtr Sdp;
        public UIntPtr SdpSize;
        public IntPtr LocationPrefix;
        public uint TimeoutMs;
        public OfferFlags Flags;
        public IntPtr Peer;
        public IntPtr IceServers;
        public UIntPtr IceServersLen;
        public IntPtr Label;
        public IntPtr UserData;
        public IntPtr Limits;
        public IntPtr Slots;
        public UIntPtr SlotsLen;
        public IntPtr Sound;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct HttpHeader
    {
        public IntPtr Name;
        public IntPtr Value;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct HttpRequest
    {
        public UIntPtr StructSize;
        public IntPtr Method;
        public IntPtr Path;
        public IntPtr Headers;
        public UIntPtr HeadersLen;
        public IntPtr Body;
        public UIntPtr BodySize;
        public IntPtr StreamName;
        public IntPtr SessionKey;
        public IntPtr LocationPrefix;
        public uint TimeoutMs;
        public HttpFlags Flags;
        public IntPtr Peer;
        public IntPtr IceServers;
        public UIntPtr IceServersLen;
        public IntPtr Label;
        public IntPtr UserData;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct ListenOptions
    {
        public UIntPtr StructSize;
        public IntPtr Address;
        public IntPtr TlsCertificates;
        public UIntPtr TlsCertificatesSize;
        public IntPtr TlsPrivateKey;
        public UIntPtr TlsPrivateKeySize;
        public uint MaxConnections;
        public uint MaxConnectionsPerPeer;
        public IntPtr HostNames;
        public UIntPtr HostNamesLen;
        public int Fd;
        public ListenFlags Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct SessionInfo
    {
        public UIntPtr StructSize;
        public ulong Stream;
        public SessionState State;
        public int SrtpProfile;
        public ulong BytesSent;
        public ulong PacketsSent;
        public ulong Nacks;
        public ulong Retransmits;
        public ulong Plis;
        public ulong Overflows;
        public ulong AgeMs;
        public uint RoundTripUs;
        public uint LossPpm;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 64)]
        public byte[] RemoteAddress;
        public IntPtr UserData;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 136)]
        public byte[] Label;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 136)]
        public byte[] Peer;
        public ulong Variant;
        public Detail Detail;
        public QualityReason Reason;
        public ulong BandwidthBps;
        public ulong NeededBps;
        public ulong PaddingPackets;
        public ulong PaddingBytes;
        public ulong Skips;
        public ulong SwitchesUp;
        public ulong SwitchesDown;
        public ulong SwitchesFewerFrames;
        public ulong SwitchesKeyframes;
        public ulong SwitchesSoundOnly;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 384)]
        public byte[] HeldBack;
        public int Protocol;
        public uint Relay;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct SlotView
    {
        public UIntPtr StructSize;
        public uint Width;
        public uint Height;
        public uint Flags;
        public uint Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct SlotInfo
    {
        public UIntPtr StructSize;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 72)]
        public byte[] Slot;
        public SinkTrack Track;
        public SlotFlags Flags;
        public ulong Stream;
        public ulong Variant;
        public StreamState State;
        public Detail Detail;
        public QualityReason Reason;
        public uint Width;
        public uint Height;
        public uint VideoWidth;
        public uint VideoHeight;
        public uint ClockRtp;
        public ulong ClockUnixMs;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 384)]
        public byte[] Why;
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void FreeFn(IntPtr userData);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void LogFn(IntPtr userData, IntPtr record);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void WhepFn(IntPtr userData, ulong op, Status status, IntPtr response);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void HttpFn(IntPtr userData, IntPtr response);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void OnStreamState(IntPtr userData, IntPtr @event);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void OnSessionState(IntPtr userData, IntPtr @event);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void OnKeyframeRequest(IntPtr userData, ulong stream);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void OnAuthorize(IntPtr userData, IntPtr request);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void OnSessionQuality(IntPtr userData, IntPtr @event);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    public delegate void OnOutputState(IntPtr userData, IntPtr @event);

    public static class Native
    {
        public const string Library = "rtsp_webrtc_gateway";
        public const string VersionOfHeader = "0.1.0";
        public const uint AbiVersionOfHeader = 1;

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_version")]
        public static extern IntPtr Version();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_version_number")]
        public static extern uint VersionNumber();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_abi_version")]
        public static extern uint AbiVersion();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_strerror")]
        public static extern IntPtr Strerror(Status status);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_http_status")]
        public static extern int HttpStatus(Status status);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_last_error")]
        public static extern UIntPtr LastError(byte[] buffer, UIntPtr capacity);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_set_log_callback")]
        public static extern Status SetLogCallback(LogLevel maxLevel, LogFn callback, IntPtr userData, FreeFn freeUserData);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_set_log_level")]
        public static extern Status SetLogLevel(LogLevel maxLevel);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_describe_tuning")]
        public static extern Status DescribeTuning(UIntPtr index, ref TuningInfo outInfo);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_find_tuning")]
        public static extern Status FindTuning([MarshalAs(UnmanagedType.LPUTF8Str)] string name, out TuningKey outKey);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_set_tuning")]
        public static extern Status SetTuning(IntPtr gateway, TuningKey key, long value);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_get_tuning")]
        public static extern Status GetTuning(IntPtr gateway, TuningKey key, out long outValue);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_authorize")]
        public static extern Status Authorize(IntPtr gateway, ulong requestId, [MarshalAs(UnmanagedType.U1)] bool allow);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_set_bearer_tokens")]
        public static extern Status SetBearerTokens(IntPtr gateway, IntPtr tokens, UIntPtr tokensLen);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_struct_init")]
        public static extern Status StructInit(IntPtr @object, UIntPtr structSize, uint abiVersion);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_create")]
        public static extern Status Create(ref Config config, out IntPtr outGateway);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_shutdown")]
        public static extern Status Shutdown(IntPtr gateway, uint timeoutMs);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_destroy")]
        public static extern Status Destroy(IntPtr gateway);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_add_stream")]
        public static extern Status AddStream(
            IntPtr gateway,
            [MarshalAs(UnmanagedType.LPUTF8Str)] string name,
            ref PullOptions options,
            out ulong outStream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_update_stream")]
        public static extern Status UpdateStream(IntPtr gateway, ulong stream, ref PullOptions options);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_reconnect_stream")]
        public static extern Status ReconnectStream(IntPtr gateway, ulong stream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_set_variants")]
        public static extern Status SetVariants(IntPtr gateway, ulong stream, [In, Out] ulong[] variants, UIntPtr count);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_remove_stream")]
        public static extern Status RemoveStream(IntPtr gateway, ulong stream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_find_stream")]
        public static extern Status FindStream(
            IntPtr gateway,
            [MarshalAs(UnmanagedType.LPUTF8Str)] string name,
            out ulong outStream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_stream_name")]
        public static extern UIntPtr StreamName(IntPtr gateway, ulong stream, byte[] buffer, UIntPtr capacity);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_list_streams")]
        public static extern Status ListStreams(
            IntPtr gateway,
            [In, Out] ulong[] streams,
            UIntPtr capacity,
            out UIntPtr outCount);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_get_stream_info")]
        public static extern Status GetStreamInfo(IntPtr gateway, ulong stream, ref StreamInfo outInfo);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_add_push_stream")]
        public static extern Status AddPushStream(
            IntPtr gateway,
            [MarshalAs(UnmanagedType.LPUTF8Str)] string name,
            ref PushOptions options,
            out ulong outStream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_push_video")]
        public static extern Status PushVideo(IntPtr gateway, ulong stream, ref Frame frame);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_push_audio")]
        public static extern Status PushAudio(IntPtr gateway, ulong stream, ref Frame frame);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_push_rtp")]
        public static extern Status PushRtp(IntPtr gateway, ulong stream, Codec codec, byte[] packet, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_add_sink")]
        public static extern Status AddSink(IntPtr gateway, ulong stream, ref SinkOptions options, out ulong outSink);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_remove_sink")]
        public static extern Status RemoveSink(IntPtr gateway, ulong sink);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_read_sink")]
        public static extern Status ReadSink(IntPtr gateway, ulong sink, uint timeoutMs, out IntPtr outFrame);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_get_sink_info")]
        public static extern Status GetSinkInfo(IntPtr gateway, ulong sink, ref SinkInfo outInfo);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_get_keyframe")]
        public static extern Status GetKeyframe(IntPtr gateway, ulong stream, out IntPtr outFrame);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_sink_frame_free")]
        public static extern void SinkFrameFree(IntPtr frame);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_add_output")]
        public static extern Status AddOutput(IntPtr gateway, ulong stream, ref OutputOptions options, out ulong outOutput);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_remove_output")]
        public static extern Status RemoveOutput(IntPtr gateway, ulong output);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_get_output_info")]
        public static extern Status GetOutputInfo(IntPtr gateway, ulong output, ref OutputInfo outInfo);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_handle_whep_offer")]
        public static extern Status HandleWhepOffer(IntPtr gateway, ref Offer offer, out IntPtr outResponse);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_handle_whep_offer_async")]
        public static extern Status HandleWhepOfferAsync(
            IntPtr gateway,
            ref Offer offer,
            WhepFn callback,
            IntPtr userData,
            out ulong outOp,
            out IntPtr outResponse);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_cancel")]
        public static extern Status Cancel(IntPtr gateway, ulong op);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_handle_whep_patch")]
        public static extern Status HandleWhepPatch(
            IntPtr gateway,
            [MarshalAs(UnmanagedType.LPUTF8Str)] string sessionKey,
            [MarshalAs(UnmanagedType.LPUTF8Str)] string ifMatch,
            byte[] fragment,
            UIntPtr fragmentSize,
            out IntPtr outResponse);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_handle_whep_delete")]
        public static extern Status HandleWhepDelete(
            IntPtr gateway,
            [MarshalAs(UnmanagedType.LPUTF8Str)] string sessionKey,
            out IntPtr outResponse);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_response_http_status")]
        public static extern int ResponseHttpStatus(IntPtr response);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_response_body")]
        public static extern IntPtr ResponseBody(IntPtr response, out UIntPtr outSize);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_response_header")]
        [return: MarshalAs(UnmanagedType.U1)]
        public static extern bool ResponseHeader(IntPtr response, UIntPtr index, out IntPtr outName, out IntPtr outValue);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_response_etag")]
        public static extern IntPtr ResponseEtag(IntPtr response);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_response_session_key")]
        public static extern IntPtr ResponseSessionKey(IntPtr response);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_response_session_id")]
        public static extern ulong ResponseSessionId(IntPtr response);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_response_free")]
        public static extern void ResponseFree(IntPtr response);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_handle_http")]
        public static extern Status HandleHttp(IntPtr gateway, ref HttpRequest request, out IntPtr outResponse);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_handle_http_async")]
        public static extern Status HandleHttpAsync(
            IntPtr gateway,
            ref HttpRequest request,
            HttpFn callback,
            IntPtr userData,
            out IntPtr outResponse);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_listen_http")]
        public static extern Status ListenHttp(IntPtr gateway, ref ListenOptions options, out ushort outPort);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_get_session_info")]
        public static extern Status GetSessionInfo(IntPtr gateway, ulong session, ref SessionInfo outInfo);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_set_session_limits")]
        public static extern Status SetSessionLimits(IntPtr gateway, ulong session, ref ViewerLimits limits);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_list_sessions")]
        public static extern Status ListSessions(
            IntPtr gateway,
            [In, Out] ulong[] sessions,
            UIntPtr capacity,
            out UIntPtr outCount);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_close_session")]
        public static extern Status CloseSession(IntPtr gateway, ulong session);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_bind_slot")]
        public static extern Status BindSlot(
            IntPtr gateway,
            ulong session,
            [MarshalAs(UnmanagedType.LPUTF8Str)] string slot,
            ulong stream);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_set_slot_view")]
        public static extern Status SetSlotView(
            IntPtr gateway,
            ulong session,
            [MarshalAs(UnmanagedType.LPUTF8Str)] string slot,
            ref SlotView view);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_get_slot_info")]
        public static extern Status GetSlotInfo(IntPtr gateway, ulong session, UIntPtr index, ref SlotInfo outInfo);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_metrics")]
        public static extern Status Metrics(IntPtr gateway, out IntPtr outText, out UIntPtr outSize);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_state_json")]
        public static extern Status StateJson(IntPtr gateway, out IntPtr outJson, out UIntPtr outSize);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl,
            EntryPoint = "rtsp_webrtc_gateway_string_free")]
        public static extern void StringFree(IntPtr text);

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
