// The .NET binding at work. Prints the layout of its structs with the argument --layout; else runs a gateway with the
// offer in the file that is the argument.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Threading;
using RtspWebrtcGateway;

internal static class Smoke
{
    // SPS, PPS, and the beginning of an IDR picture.
    private static readonly byte[] Keyframe = {
        0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xf6, 0x84, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80,
        0, 0, 0, 1, 0x65, 0x88, 0x84, 0x21, 0xa0,
    };

    private static int Main(string[] arguments)
    {
        if (arguments[0] == "--layout")
        {
            Layout();
        }
        else
        {
            Run(File.ReadAllText(arguments[0]));
            Console.WriteLine("works with " + Native.Text(Native.Version()) + " on " + Environment.Version);
        }
        return 0;
    }

    private static void Layout()
    {
        foreach (Type type in typeof(Native).Assembly.GetTypes())
        {
            if (!type.IsValueType || type.IsEnum || type.Namespace != "RtspWebrtcGateway")
            {
                continue;
            }
            Console.WriteLine(type.Name + " " + Marshal.SizeOf(type));
            foreach (FieldInfo field in type.GetFields())
            {
                Console.WriteLine(type.Name + "." + field.Name + " " + Marshal.OffsetOf(type, field.Name));
            }
        }
    }

    private static void Run(string sdp)
    {
        var streams = new List<string>();
        var sessions = new List<SessionState>();
        var live = new ManualResetEvent(false);
        string state;
        using (var gateway = new Gateway("127.0.0.1:0"))
        {
            gateway.StreamStateChanged += e =>
            {
                streams.Add(Native.Text(e.Name) + " " + e.State);
                if (e.State == StreamState.Live)
                {
                    live.Set();
                }
            };
            gateway.SessionStateChanged += e => sessions.Add(e.State);
            ulong stream = gateway.AddPushStream("door", Codec.H264, Codec.Pcmu, "Tür");
            Check(gateway.PushVideo(stream, Keyframe, 0, FrameFlags.Key) == Status.Ok, "a frame is taken");
            live.WaitOne();
            StreamInfo info = gateway.GetStreamInfo(stream);
            Check(info.State == StreamState.Live && info.Width == 640, "what it says of the stream");
            Check(Native.Text(info.Name) == "door" && Native.Text(info.Label) == "Tür", "the stream's name");

            WhepAnswer answer = gateway.WhepOffer("door", sdp, "/whep/");
            Check(answer.HttpStatus == 201 && answer.Message == null, "an offer is answered: " + answer.Message);
            Check(answer.Body.StartsWith("v=0") && answer.Session != 0, "with an SDP and a session");
            Check(answer.Headers.Any(h => h.Key == "Location" && h.Value == "/whep/" + answer.SessionKey), "Location");
            Check(gateway.WhepDelete(answer.SessionKey).HttpStatus == 200, "a session is ended");

            WhepAnswer refused = gateway.WhepOffer("door", sdp.Replace("fingerprint", "no-fingerprint"));
            Check(refused.Status == Status.ErrFingerprint && refused.HttpStatus == 400, "an offer is refused");
            Check(refused.Message.Contains("fingerprint") && refused.Session == 0, "with a reason: " + refused.Message);

            try
            {
                gateway.AddStream("door", "rtsp://127.0.0.1:9/");
                Check(false, "a name is taken once");
            }
            catch (GatewayException e)
            {
                Check(e.Status == Status.ErrAlreadyExists && e.Message.Contains("door"), e.Message);
            }
            state = gateway.StateJson();
            Check(gateway.Metrics().Contains("# TYPE "), "metrics");
        }
        Check(state.Contains("\"Tür\""), "the stream is in the state: " + state);
        Check(streams.SequenceEqual(new[] { "door Live", "door Removed" }), string.Join(", ", streams));
        Check(sessions.First() == SessionState.New && sessions.Last() == SessionState.Closed, string.Join(", ", sessions));
    }

    private static void Check(bool holds, string what)
    {
        if (!holds)
        {
            throw new Exception(what);
        }
    }
}
