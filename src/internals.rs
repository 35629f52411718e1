//! What the tests and benchmarks of this repository use beside the public API. Nothing here is
//! promised to anyone else. Names are listed one by one, so that the compiler still sees what nobody
//! uses.

/// Codecs, packetizer, ring.
pub mod media {
    pub use crate::media::{
        AccessUnit, Codec, MAX_PAYLOAD, MediaKind, ParameterSets, RateMeter, Ring, RingLimits,
        StreamRate, Track, TrackInfo,
    };

    /// OBUs of AV1.
    pub mod av1 {
        pub use crate::media::av1::obus;
    }
    /// Parameter sets of H.264.
    pub mod h264 {
        pub use crate::media::h264::ParameterSets;
    }
    /// Parameter sets of H.265.
    pub mod h265 {
        pub use crate::media::h265::ParameterSets;
    }
    /// NAL units.
    pub mod nal {
        pub use crate::media::nal::nals;
    }
}

/// Offers and answers.
pub mod sdp {
    pub use crate::sdp::{Fingerprint, IceCredentials};

    /// Writing answers.
    pub mod answer {
        pub use crate::sdp::answer::{
            Allowed, Candidates, LocalTransport, Negotiated, NegotiatedData, Retransmission,
            answer, answer_wall, negotiate, negotiate_ingest, negotiate_wall, offer_to_ingest,
            restart_fragment,
        };
    }
    /// Bodies of PATCH requests.
    pub mod fragment {
        pub use crate::sdp::fragment::{Fragment, MAX_FRAGMENT};
    }
    /// Reading offers.
    pub mod offer {
        pub use crate::sdp::offer::{
            IngestAnswer, MAX_OFFER, MAX_WALL_AUDIO, MAX_WALL_OFFER, MAX_WALL_VIDEO, Offer,
        };
    }
}

/// One viewer.
pub mod session {
    pub use crate::session::{
        Carrier, ConnectionId, Ingest, Io, LegConfig, Media, Path, PathMemory, Relayed, Remote,
        SendBuffer, Session, SessionEvent, Slot, Tracks, TransactionKey, Transmit, TransportConfig,
        WallClock, Way, WouldBlock,
    };

    /// Datagrams on a TCP connection.
    pub mod framing {
        pub use crate::session::framing::{Deframer, Frames, Framing, MAX_FRAME, MAX_RUN, Wrap};
    }

    /// The relay.
    pub mod turn {
        pub use crate::session::turn::{
            At, Authority, Credentials, Greeting, Heard, Refusal, Relay, greet,
        };
    }
    /// The data channel.
    pub mod data {
        pub use crate::session::data::{
            ChannelEvent, DataChannel, DataConfig, MAX_MESSAGE, PORT, packet,
        };
    }
    /// The gateway's certificate.
    pub mod dtls {
        pub use crate::session::dtls::Certificate;
    }
    /// What viewers report and ask for.
    pub mod rtcp {
        pub use crate::session::rtcp::{Feedback, parse_feedback};
    }
    /// Sealing.
    pub mod srtp {
        pub use crate::session::srtp::{KeyingMaterial, MasterKey, RtpSealer};
    }
}

/// The addresses that a NAT gives the gateway.
pub mod stun {
    pub use crate::stun::{Action, Asks, Client, Name, allocation};
}

/// Media for the host.
pub mod sinks {
    pub use crate::sinks::queue::Queue;
    pub use crate::sinks::stream::StreamSinks;
}

/// The HTTP listener.
#[cfg(feature = "http")]
pub mod http {
    pub use crate::http::listener::Unbound;
}

/// What the page of a wall and the gateway say to each other.
pub mod wall {
    pub use crate::wall::{
        Decision, MAX_MESSAGE, Notice, Refusal, Reply, Request, SlotClock, SlotNotice, SlotRequest,
        unreadable,
    };
}

/// WHEP as HTTP.
pub mod whep {
    use crate::error::{Error, Status};
    use crate::whep::http::{Action, Origins, Server, Step, read};
    use crate::whep::{HttpRequest, HttpResponse};

    /// The response to a request, which finds nothing if it asks for anything; and what is in front of
    /// the key in the URL of the session that it asks for. Pages of this origin may ask, too.
    pub fn respond(request: &HttpRequest<'_>, origin: &str) -> (HttpResponse, Option<String>) {
        let origins = Origins::new(&[origin.to_owned()]).unwrap_or_default();
        match read(request, &origins, Server::Listener) {
            Step::Respond(response) => (response, None),
            Step::Call(call) => {
                let response = call.response(Err(Error::new(Status::NotFound, "there is none")));
                let prefix = match call.action {
                    Action::Offer(offer) => Some(offer.location_prefix),
                    _ => None,
                };
                (response, prefix)
            }
        }
    }
}

/// Cameras.
pub mod source {
    pub use crate::source::video::{Gate, Passed, Received};
    pub use crate::source::{
        Arrival, CameraConfig, CameraUrl, Choice, PushSink, Quirk, Quirks, REORDER, Sink, Tracks,
        run,
    };

    /// The connection to a camera.
    pub mod rtsp {
        pub use crate::source::rtsp::{
            Answer, Authenticator, Challenge, Client, Description, Event, Failure, Lower, Track,
            Wanted,
        };
    }

    /// RTSP through HTTP.
    pub mod tunnel {
        pub use crate::source::wire::tunnel::head;
    }
    /// What a source does in a turn.
    pub mod budget {
        pub use crate::budget::{Allowance, Budget};
    }
    /// Audio.
    pub mod audio {
        pub use crate::source::audio::Audio;
    }
    /// Media that the host pushes.
    pub mod push {
        pub use crate::source::push::{Feed, Receiver, feed, run};
    }
    /// From packets to access units.
    pub mod rtp {
        pub use crate::source::rtp::{Delivery, Encoding, Format, Reception, Section, Unusable};
    }
}
