//! What a camera says and sends.

use arbitrary::Arbitrary;

/// What a camera does next.
#[derive(Arbitrary, Debug)]
pub enum Move<'a> {
    /// What a good camera does: answers the oldest request.
    Usual(u8),
    /// Answers it in another way.
    Answer {
        code: Code,
        headers: [Option<Header<'a>>; 3],
        body: Option<&'a [u8]>,
        /// Of the body, if it is not that of the body.
        length: Option<u16>,
    },
    /// A request of its own.
    Request(Method, Option<Header<'a>>),
    Packet {
        channel: u8,
        step: u8,
        ticks: u16,
        marker: bool,
        payload_type: Option<u8>,
        begins: Begins,
        payload: &'a [u8],
    },
    Frame(u8, &'a [u8]),
    Raw(&'a [u8]),
    Repeat(&'a [u8], u16),
    /// Milliseconds.
    Wait(u16),
    /// It does not read, or it does again.
    Deaf,
    Close,
}

#[derive(Arbitrary, Debug)]
pub enum Code {
    Ok,
    Unauthorized,
    Of(u16),
}

#[derive(Arbitrary, Debug)]
pub enum Method {
    Options,
    Announce,
    GetParameter,
    Redirect,
    Teardown,
}

#[derive(Arbitrary, Debug)]
pub enum Header<'a> {
    Session(&'a str),
    Transport(&'a str),
    Basic,
    Digest(&'a str),
    Challenge(&'a str),
    Location(&'a str),
    Elsewhere,
    ContentBase(&'a str),
    Public(&'a str),
    RtpInfo(&'a str),
    ContentType(&'a str),
    Close,
    Line(&'a str),
}

impl Header<'_> {
    pub fn text(&self) -> String {
        match self {
            Header::Session(value) => format!("Session: {value}"),
            Header::Transport(value) => format!("Transport: RTP/AVP/TCP;{value}"),
            Header::Basic => "WWW-Authenticate: Basic realm=\"cam\"".to_owned(),
            Header::Digest(rest) => {
                format!("WWW-Authenticate: Digest realm=\"cam\", nonce=\"1f\", {rest}")
            }
            Header::Challenge(value) => format!("WWW-Authenticate: {value}"),
            Header::Location(value) => format!("Location: {value}"),
            Header::Elsewhere => "Location: rtsp://198.51.100.9/other".to_owned(),
            Header::ContentBase(value) => format!("Content-Base: rtsp://192.0.2.7/{value}"),
            Header::Public(value) => format!("Public: OPTIONS, {value}"),
            Header::RtpInfo(value) => format!("RTP-Info: {value}"),
            Header::ContentType(value) => format!("Content-Type: {value}"),
            Header::Close => "Connection: close".to_owned(),
            Header::Line(line) => (*line).to_owned(),
        }
    }
}

/// How a payload begins.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub enum Begins {
    AsItIs,
    Sps,
    Pps,
    Idr,
    Slice,
    Aggregate,
    FragmentStart,
    FragmentMiddle,
    FragmentEnd,
    H265Slice,
    H265Fragment,
    Av1New,
    Av1Rest,
    Aac,
    StartCode,
}

impl Begins {
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Begins::AsItIs => &[],
            Begins::Sps => &[0x67, 0x42, 0, 0x1e, 0xf4, 0x05, 0x01, 0xec, 0x80],
            Begins::Pps => &[0x68, 0xce, 0x3c, 0x80],
            Begins::Idr => &[0x65, 0x88, 0x84],
            Begins::Slice => &[0x41, 0x9a],
            Begins::Aggregate => &[0x78, 0, 4, 0x41, 0x9a, 1, 2],
            Begins::FragmentStart => &[0x7c, 0x85, 0x88],
            Begins::FragmentMiddle => &[0x7c, 0x05],
            Begins::FragmentEnd => &[0x7c, 0x45],
            Begins::H265Slice => &[0x26, 0x01, 0xaf],
            Begins::H265Fragment => &[0x62, 0x01, 0x93],
            Begins::Av1New => &[0x18, 0x0a, 0x0b],
            Begins::Av1Rest => &[0x90],
            Begins::Aac => &[0, 16, 0, 0x40],
            Begins::StartCode => &[0, 0, 0, 1, 0x65],
        }
    }
}

/// Session descriptions of good cameras.
pub const DESCRIPTIONS: [&str; 5] = [
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;\
     sprop-parameter-sets=Z01AHtkAoC/5cBEAAAMAAQAAAwAyjxYuSA==,aOvDyyA=\r\na=control:track1\r\n\
     m=audio 0 RTP/AVP 0\r\na=control:track2\r\n\
     m=application 0 RTP/AVP 98\r\na=rtpmap:98 vnd.onvif.metadata/90000\r\na=control:track3\r\n",
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:track1\r\n\
     m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 mode=AAC-hbr;\
     config=1408;sizelength=13;indexlength=3;indexdeltalength=3\r\na=control:track2\r\n",
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 AV1/90000\r\na=control:track1\r\n\
     m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MP4A-LATM/48000/2\r\na=fmtp:97 cpresent=0;\
     config=400023203fc0\r\na=control:track2\r\n",
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n\
     m=audio 0 RTP/AVP 97\r\na=rtpmap:97 G726-32/8000\r\na=control:track2\r\n",
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/16000/1\r\na=control:track1\r\n",
];

/// An RTP packet.
pub fn packet(
    payload_type: u8,
    number: u16,
    timestamp: u32,
    marker: bool,
    begins: Begins,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type & 0x7f | u8::from(marker) << 7];
    packet.extend(number.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend([0, 0, 0, 7]);
    packet.extend(begins.bytes());
    packet.extend(payload);
    packet
}
