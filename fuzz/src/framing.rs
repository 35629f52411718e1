//! What comes over a TCP connection for media: frames, however they are cut, and back.

use rtsp_webrtc_gateway::internals::session::framing::{
    Deframer, Frames, Framing, MAX_FRAME, MAX_RUN, Wrap,
};

pub fn tcp_framing(data: &[u8]) {
    let [step, segment, data @ ..] = data else {
        return;
    };
    let framing = match step & 1 {
        0 => Framing::Lengths,
        _ => Framing::Turn,
    };
    let whole = taken(framing, data, data.len().max(1));
    let pieces = taken(framing, data, usize::from(*step >> 1).max(1));
    // Where it is cut changes nothing, not even where it cannot be understood any more.
    assert_eq!(whole, pieces);
    let (frames, understood) = &whole;
    assert!(
        frames
            .iter()
            .all(|frame| (1..=MAX_FRAME).contains(&frame.len()))
    );
    match framing.first(data) {
        Ok(Some((frame, _))) => {
            assert!(frame.is_empty() || frames.first().is_some_and(|f| f == frame))
        }
        Ok(None) => assert!(frames.is_empty()),
        Err(_) => assert!(frames.is_empty() && !understood),
    }

    // What is framed here is what arrives.
    let segment = 1 + usize::from(*segment) * 4;
    let run = &data[..data.len().min(segment * MAX_RUN)];
    let wrap = match framing {
        Framing::Lengths => Wrap::Length,
        Framing::Turn => Wrap::Channel(0x4000 + u16::from(*step)),
    };
    let Some(framed) = Frames::new(run, segment, wrap) else {
        assert!(run.is_empty());
        return;
    };
    let mut bytes = Vec::new();
    framed.append_rest(0, &mut bytes);
    assert_eq!(bytes.len(), framed.size());
    let written: usize = framed.write(|pieces| pieces.iter().map(|piece| piece.len()).sum());
    assert_eq!(written, bytes.len());
    let (frames, understood) = taken(framing, &bytes, bytes.len());
    assert!(understood);
    let head = match framing {
        Framing::Lengths => 0,
        Framing::Turn => 4,
    };
    let contents: Vec<&[u8]> = frames.iter().map(|frame| &frame[head..]).collect();
    let datagrams: Vec<&[u8]> = run.chunks(segment).collect();
    assert_eq!(contents, datagrams);
}

/// The frames of these bytes, so many at a time, and whether all could be understood.
fn taken(framing: Framing, data: &[u8], step: usize) -> (Vec<Vec<u8>>, bool) {
    let mut deframer = Deframer::new(framing);
    let mut frames = Vec::new();
    let understood = data.chunks(step).all(|piece| {
        let taken = deframer.take(piece, |frame| frames.push(frame.to_vec()));
        taken.is_ok()
    });
    (frames, understood)
}
