//! Offers, and the bodies of PATCH requests.

use rtsp_webrtc_gateway::internals::media::{Codec, TrackInfo};
use rtsp_webrtc_gateway::internals::sdp::IceCredentials;
use rtsp_webrtc_gateway::internals::sdp::answer::{
    Allowed, Candidates, LocalTransport, answer, answer_wall, negotiate, negotiate_ingest,
    negotiate_wall, offer_to_ingest, restart_fragment,
};
use rtsp_webrtc_gateway::internals::sdp::fragment::{Fragment, MAX_FRAGMENT};
use rtsp_webrtc_gateway::internals::sdp::offer::{
    IngestAnswer, MAX_OFFER, MAX_WALL_AUDIO, MAX_WALL_OFFER, MAX_WALL_VIDEO, Offer,
};

use crate::stage;

const FINGERPRINT: &str = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

fn ours() -> IceCredentials {
    IceCredentials {
        ufrag: "oursours".to_owned(),
        pwd: "passwordOfTheGateway00000".to_owned(),
    }
}

/// Videos of streams: of each codec, one that is not known yet, and none.
fn videos() -> Vec<Vec<Option<TrackInfo>>> {
    let [h264, h265, av1] = stage::videos();
    vec![
        vec![Some(h264.clone())],
        vec![Some(h265.clone()), Some(h264), None],
        vec![Some(av1), Some(h265)],
        vec![None],
        vec![],
    ]
}

const ALLOWED: Allowed = Allowed {
    nack: true,
    transport_cc: true,
    dtls_in_stun: true,
};

pub fn offer(data: &[u8]) {
    wall(data);
    ingest(data);
    let Ok(offer) = Offer::parse(data) else {
        return;
    };
    assert!(data.len() <= MAX_OFFER);
    check_credentials(&offer.ice);
    for (videos, sound) in videos().iter().zip([
        Some(Codec::Pcmu),
        Some(Codec::Opus),
        None,
        Some(Codec::G722),
        Some(Codec::Opus),
    ]) {
        let videos: Vec<Option<&TrackInfo>> = videos.iter().map(Option::as_ref).collect();
        let sound = sound.map(TrackInfo::audio);
        let mut numbers = 1..;
        let mut random = || Ok(numbers.next().unwrap_or_default());
        let Ok(negotiated) = negotiate(&offer, &videos, sound.as_ref(), ALLOWED, &mut random)
        else {
            continue;
        };
        let answer = with_transport(|transport| answer(&offer, &negotiated, transport));
        check_answer(&offer, &answer, data.len());
    }
}

/// The same bytes as what a media server answers.
fn ingest(data: &[u8]) {
    const MOST: usize = 24;
    let Ok(answer) = IngestAnswer::parse(data, MOST, |_| true) else {
        return;
    };
    assert!(data.len() <= MAX_OFFER && answer.candidates.len() <= MOST);
    check_credentials(&answer.takes.ice);
    for (address, _) in &answer.candidates {
        assert!(address.port() != 0 && !address.ip().is_multicast());
        assert!(!address.ip().is_unspecified());
    }
    for (videos, sound) in videos().iter().zip([Some(Codec::Pcmu), None]) {
        let videos: Vec<Option<&TrackInfo>> = videos.iter().map(Option::as_ref).collect();
        let sound = sound.map(TrackInfo::audio);
        let mut numbers = 1..;
        let mut random = || Ok(numbers.next().unwrap_or_default());
        let offered = with_transport(|transport| {
            offer_to_ingest(&videos, sound.as_ref(), ALLOWED, &mut random, transport)
        });
        let Ok((_, offered)) = offered else {
            continue;
        };
        let agreed = negotiate_ingest(
            &answer.takes,
            &offered,
            &videos,
            sound.as_ref(),
            ALLOWED,
            &mut random,
        );
        if let Ok(agreed) = agreed {
            assert!(!agreed.tracks.is_empty() && agreed.tracks.len() <= 2);
            assert!(sound.is_some() || agreed.tracks.len() == 1);
        }
    }
}

/// The same bytes as the offer of a wall.
fn wall(data: &[u8]) {
    let Ok(offer) = Offer::parse_wall(data) else {
        return;
    };
    assert!(data.len() <= MAX_WALL_OFFER);
    check_credentials(&offer.ice);
    let mut numbers = 1..;
    let mut random = || Ok(numbers.next().unwrap_or_default());
    let Ok(negotiated) = negotiate_wall(&offer, ALLOWED, &mut random) else {
        return;
    };
    let slots = &negotiated.tracks;
    assert!(!slots.is_empty() && slots.len() <= MAX_WALL_VIDEO + MAX_WALL_AUDIO);
    for (i, slot) in slots.iter().enumerate() {
        assert!(!slot.mid.is_empty());
        assert!(slots[..i].iter().all(|before| before.mid != slot.mid));
    }
    let answer = with_transport(|transport| answer_wall(&offer, &negotiated, transport));
    check_answer(&offer, &answer, data.len());
    // Once for all slots, and for the data channel.
    let transports = answer.matches("\r\na=ice-pwd:").count();
    assert!((1..=2).contains(&transports), "{answer}");
    assert_eq!(
        answer.matches("\r\na=sendonly").count(),
        slots.len(),
        "{answer}"
    );
}

fn with_transport<T>(write: impl FnOnce(&LocalTransport<'_>) -> T) -> T {
    let candidates = ["192.0.2.1:5000", "[2001:db8::1]:5000"]
        .map(|text| text.parse().unwrap_or_else(|_| unreachable!("an address")));
    write(&LocalTransport {
        ice: &ours(),
        fingerprint: FINGERPRINT,
        candidates: Candidates {
            hosts: &candidates,
            tcp: &candidates,
            ..Candidates::default()
        },
    })
}

fn check_answer(offer: &Offer, answer: &str, offered: usize) {
    let sections = answer.matches("\r\nm=").count();
    assert_eq!(sections, offer.sections.len(), "{answer}");
    assert!(
        answer.len() <= 2048 + 1024 * sections + 2 * offered,
        "{answer}"
    );
    check_lines(answer);
    let (head, _) = answer.split_once("\r\nm=").unwrap_or_default();
    assert!(
        head.starts_with("v=0\r\no=") && head.contains("\r\na=ice-lite"),
        "{answer}"
    );
    for line in answer.lines() {
        if let Some(own) = line.strip_prefix("a=ice-pwd:") {
            assert_eq!(own, ours().pwd, "{answer}");
        }
        if let Some(own) = line.strip_prefix("a=fingerprint:") {
            assert_eq!(own, format!("sha-256 {FINGERPRINT}"), "{answer}");
        }
    }
}

pub fn fragment(data: &[u8]) {
    let Ok(fragment) = Fragment::parse(data) else {
        return;
    };
    assert!(data.len() <= MAX_FRAGMENT);
    let Ok(Some(wanted)) = fragment.restart(&ours()) else {
        return;
    };
    check_credentials(wanted);
    assert_ne!(wanted.ufrag, ours().ufrag);
    assert_ne!(wanted.pwd, ours().pwd);
    check_lines(&restart_fragment(
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n",
        &ours(),
        &Candidates::default(),
    ));
}

/// RFC 8839 section 5.4.
fn check_credentials(ice: &IceCredentials) {
    let allowed = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
    };
    assert!(
        allowed(&ice.ufrag) && (4..=256).contains(&ice.ufrag.len()),
        "{:?}",
        ice.ufrag
    );
    assert!(allowed(&ice.pwd) && (22..=256).contains(&ice.pwd.len()));
}

/// Nothing of an offer makes a line of its own in an answer.
fn check_lines(sdp: &str) {
    assert!(sdp.ends_with("\r\n"), "{sdp}");
    for line in sdp.split_terminator("\r\n") {
        assert!(matches!(line.as_bytes(), [b'a'..=b'z', b'=', ..]), "{sdp}");
        assert!(
            !line.chars().any(|c| c.is_control() && c != '\t'),
            "{line:?}"
        );
    }
}
