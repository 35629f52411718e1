// A gateway as .NET programs expect it: an object with methods, events and exceptions, over the calls of Native.cs.
// What is not here is called there, with Handle.
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace RtspWebrtcGateway
{
    /// <summary>The answer to a WHEP request: what the web server sends, whether the call succeeded or not.</summary>
    public sealed class WhepAnswer
    {
        internal WhepAnswer(Status status, IntPtr response)
        {
            Status = status;
            Message = Native.Succeeded(status) ? null : Native.LastError();
            try
            {
                UIntPtr size;
                HttpStatus = Native.ResponseHttpStatus(response);
                Body = Native.Text(Native.ResponseBody(response, out size));
                SessionKey = Native.Text(Native.ResponseSessionKey(response));
                Session = Native.ResponseSessionId(response);
                var headers = new List<KeyValuePair<string, string>>();
                IntPtr name, value;
                for (uint i = 0; Native.ResponseHeader(response, (UIntPtr)i, out name, out value); i++)
                {
                    headers.Add(new KeyValuePair<string, string>(Native.Text(name), Native.Text(value)));
                }
                Headers = headers;
            }
            finally
            {
                Native.ResponseFree(response);
            }
        }

        public Status Status { get; private set; }

        /// <summary>What went wrong; null if nothing did.</summary>
        public string Message { get; private set; }

        public int HttpStatus { get; private set; }
        public string Body { get; private set; }
        public IList<KeyValuePair<string, string>> Headers { get; private set; }
        public string SessionKey { get; private set; }
        public ulong Session { get; private set; }
    }

    /// <summary>Texts of a struct, for as long as the call takes.</summary>
    internal sealed class Texts : IDisposable
    {
        private readonly List<IntPtr> allocated = new List<IntPtr>();

        public IntPtr Add(string text)
        {
            return text == null ? IntPtr.Zero : Add(Encoding.UTF8.GetBytes(text + "\0"));
        }

        public IntPtr Add(byte[] bytes)
        {
            IntPtr memory = Marshal.AllocHGlobal(bytes.Length);
            allocated.Add(memory);
            Marshal.Copy(bytes, 0, memory, bytes.Length);
            return memory;
        }

        public IntPtr Add<T>(T value) where T : struct
        {
            IntPtr memory = Marshal.AllocHGlobal(Marshal.SizeOf(typeof(T)));
            allocated.Add(memory);
            Marshal.StructureToPtr(value, memory, false);
            return memory;
        }

        public void Dispose()
        {
            allocated.ForEach(Marshal.FreeHGlobal);
        }
    }

    public sealed class Gateway : IDisposable
    {
        // The library has pointers to them.
        private readonly OnStreamState onStreamState;
        private readonly OnSessionState onSessionState;
        private readonly OnKeyframeRequest onKeyframeRequest;

        // Keeps a gateway that nobody disposed of, with what the library calls.
        private GCHandle self;

        /// <summary>For the calls of Native.</summary>
        public IntPtr Handle { get; private set; }

        /// <summary>A stream changed its state. These run one at a time on a thread of the gateway; what they throw
        /// ends the process. The texts of an event can be read until they return.</summary>
        public event Action<StreamEvent> StreamStateChanged;

        public event Action<SessionEvent> SessionStateChanged;

        /// <summary>A push stream needs a keyframe.</summary>
        public event Action<ulong> KeyframeRequested;

        /// <param name="udpBind">Address and port of the UDP socket; null: all addresses, any port.</param>
        /// <param name="configure">Changes what else the configuration has.</param>
        public Gateway(string udpBind = null, Func<Config, Config> configure = null)
        {
            onStreamState = (data, passed) => Raise(StreamStateChanged, passed);
            onSessionState = (data, passed) => Raise(SessionStateChanged, passed);
            onKeyframeRequest = (data, stream) =>
            {
                Action<ulong> handlers = KeyframeRequested;
                if (handlers != null)
                {
                    handlers(stream);
                }
            };
            using (var texts = new Texts())
            {
                Callbacks callbacks = Native.New<Callbacks>();
                callbacks.OnStreamState = Marshal.GetFunctionPointerForDelegate(onStreamState);
                callbacks.OnSessionState = Marshal.GetFunctionPointerForDelegate(onSessionState);
                callbacks.OnKeyframeRequest = Marshal.GetFunctionPointerForDelegate(onKeyframeRequest);
                Config config = Native.New<Config>();
                config.UdpBind = texts.Add(udpBind);
                config.Callbacks = texts.Add(callbacks);
                if (configure != null)
                {
                    config = configure(config);
                }
                IntPtr handle;
                Check(Native.Create(ref config, out handle));
                Handle = handle;
                self = GCHandle.Alloc(this);
            }
        }

        /// <summary>Adds a camera. Returns its stream.</summary>
        public ulong AddStream(string name, string url, PullFlags flags = 0, string label = null)
        {
            using (var texts = new Texts())
            {
                PullOptions options = Native.New<PullOptions>();
                options.Url = texts.Add(url);
                options.Flags = flags;
                options.Label = texts.Add(label);
                ulong stream;
                Check(Native.AddStream(Handle, name, ref options, out stream));
                return stream;
            }
        }

        /// <summary>Adds a stream whose frames the host pushes. Returns it.</summary>
        public ulong AddPushStream(string name, Codec video, Codec audio = Codec.None, string label = null)
        {
            using (var texts = new Texts())
            {
                PushOptions options = Native.New<PushOptions>();
                options.VideoCodec = video;
                options.AudioCodec = audio;
                options.Label = texts.Add(label);
                ulong stream;
                Check(Native.AddPushStream(Handle, name, ref options, out stream));
                return stream;
            }
        }

        /// <summary>Pushes a frame, of which the library makes a copy. A frame for which there is no room is dropped:
        /// ErrQueueFull.</summary>
        public Status PushVideo(ulong stream, byte[] data, long ptsUs, FrameFlags flags = 0)
        {
            GCHandle pinned = GCHandle.Alloc(data, GCHandleType.Pinned);
            try
            {
                Frame frame = Native.New<Frame>();
                frame.Data = pinned.AddrOfPinnedObject();
                frame.Size = (UIntPtr)data.Length;
                frame.PtsUs = ptsUs;
                frame.Flags = flags;
                Status status = Native.PushVideo(Handle, stream, ref frame);
                return status == Status.ErrQueueFull ? status : Check(status);
            }
            finally
            {
                pinned.Free();
            }
        }

        public void RemoveStream(ulong stream)
        {
            Check(Native.RemoveStream(Handle, stream));
        }

        public StreamInfo GetStreamInfo(ulong stream)
        {
            StreamInfo info = Native.New<StreamInfo>();
            Check(Native.GetStreamInfo(Handle, stream, ref info));
            return info;
        }

        /// <summary>Answers POST. Waits until the stream has media.</summary>
        public WhepAnswer WhepOffer(string streamName, string sdp, string locationPrefix = null, string peer = null)
        {
            using (var texts = new Texts())
            {
                Offer offer = Native.New<Offer>();
                byte[] body = Encoding.UTF8.GetBytes(sdp);
                offer.StreamName = texts.Add(streamName);
                offer.Sdp = texts.Add(body);
                offer.SdpSize = (UIntPtr)body.Length;
                offer.LocationPrefix = texts.Add(locationPrefix);
                offer.Peer = texts.Add(peer);
                IntPtr response;
                Status status = Native.HandleWhepOffer(Handle, ref offer, out response);
                return new WhepAnswer(status, response);
            }
        }

        /// <summary>Answers PATCH.</summary>
        public WhepAnswer WhepPatch(string sessionKey, string ifMatch, string fragment)
        {
            byte[] body = Encoding.UTF8.GetBytes(fragment);
            IntPtr response;
            Status status = Native.HandleWhepPatch(
                Handle, sessionKey, ifMatch, body, (UIntPtr)body.Length, out response);
            return new WhepAnswer(status, response);
        }

        /// <summary>Answers DELETE.</summary>
        public WhepAnswer WhepDelete(string sessionKey)
        {
            IntPtr response;
            Status status = Native.HandleWhepDelete(Handle, sessionKey, out response);
            return new WhepAnswer(status, response);
        }

        public string StateJson()
        {
            IntPtr text;
            UIntPtr size;
            Check(Native.StateJson(Handle, out text, out size));
            return Take(text);
        }

        /// <summary>The figures for Prometheus.</summary>
        public string Metrics()
        {
            IntPtr text;
            UIntPtr size;
            Check(Native.Metrics(Handle, out text, out size));
            return Take(text);
        }

        /// <summary>Ends all sessions and streams. Not within an event.</summary>
        public void Dispose()
        {
            if (Handle != IntPtr.Zero)
            {
                Check(Native.Destroy(Handle));
                Handle = IntPtr.Zero;
                self.Free();
            }
        }

        private static void Raise<T>(Action<T> handlers, IntPtr passed) where T : struct
        {
            if (handlers != null)
            {
                handlers(Native.Read<T>(passed));
            }
        }

        private static string Take(IntPtr text)
        {
            string taken = Native.Text(text);
            Native.StringFree(text);
            return taken;
        }

        private static Status Check(Status status)
        {
            if (!Native.Succeeded(status))
            {
                throw new GatewayException(status);
            }
            return status;
        }
    }
}
