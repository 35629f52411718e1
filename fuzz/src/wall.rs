//! The messages that the page of a wall sends.

use rtsp_webrtc_gateway::internals::wall::{
    Decision, MAX_MESSAGE, Refusal, Reply, Request, SlotRequest, unreadable,
};

/// What is read keeps to its limits; what is answered is JSON, and not much longer than what was asked.
pub fn wall_message(data: &[u8]) {
    let request = match Request::parse(data) {
        Ok(request) => request,
        Err(error) => {
            let answer = unreadable(data, &error);
            assert!(answer.len() < 1024, "{answer}");
            let answer: serde_json::Value = read(&answer);
            assert!(answer["status"].is_u64() && answer["detail"].is_string());
            return;
        }
    };
    assert!(data.len() <= MAX_MESSAGE && request.slots.len() <= 256);
    assert!(request.id.is_none_or(|id| id <= 1 << 53));
    for slot in &request.slots {
        assert!((1..=64).contains(&slot.slot.len()));
        let stream = slot.stream.iter().flatten();
        assert!(
            stream
                .into_iter()
                .all(|name| (1..=128).contains(&name.len()))
        );
        let sides = [slot.width, slot.height];
        assert!(sides.iter().flatten().all(|&side| side <= 16_384));
    }
    let asked = request.slots.len();
    let reply = Reply {
        id: request.id,
        slots: request.slots.into_iter().map(decided).collect(),
    };
    let reply = read(&reply.json());
    assert_eq!(reply["slots"].as_array().map(Vec::len), Some(asked));
    assert_eq!(reply["id"].as_u64(), request.id);
}

/// The other half of the streams is refused.
fn decided(slot: SlotRequest) -> Decision {
    let stream = slot.stream.flatten();
    let result = match stream {
        Some(name) if name.len() % 2 == 1 => Err(Refusal {
            status: 403,
            detail: name,
        }),
        bound => Ok(bound),
    };
    Decision {
        slot: slot.slot,
        result,
    }
}

fn read(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
