//! Buffers in which units are assembled, shared by the tracks of a thread. Most units arrive in one burst,
//! so few are under way at a time, and only those take the memory of a keyframe.

use std::cell::RefCell;

/// Buffers that wait to be used: more units than this are seldom under way at the same time.
const MOST: usize = 16;
/// What they have together, at most.
const KEPT: usize = 512 << 10;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer: the one that was used last, if one is there.
pub fn take() -> Vec<u8> {
    let taken = SPARE.try_with(|spare| spare.borrow_mut().pop());
    taken.ok().flatten().unwrap_or_default()
}

/// Takes a buffer back.
pub fn give(mut buffer: Vec<u8>) {
    buffer.clear();
    // There are none any more when the thread ends: then the buffer is simply freed.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        let kept: usize = spare.iter().map(Vec::capacity).sum();
        if spare.len() < MOST && kept + buffer.capacity() <= KEPT {
            spare.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_buffer_is_used_again_and_few_are_kept() {
        let mut buffer = take();
        buffer.extend([7; 1000]);
        let memory = buffer.as_ptr();
        give(buffer);
        let again = take();
        assert_eq!((again.as_ptr(), again.len()), (memory, 0));
        give(again);
        give(Vec::with_capacity(KEPT + 1));
        let again = take();
        assert_eq!(again.as_ptr(), memory);
        let kept = |bytes| {
            for _ in 0..2 * MOST {
                give(Vec::with_capacity(bytes));
            }
            let kept = std::iter::from_fn(|| Some(take()).filter(|buffer| buffer.capacity() > 0));
            kept.count()
        };
        assert_eq!(kept(10), MOST);
        // Those of keyframes.
        assert_eq!(kept(KEPT / 4), 4);
    }
}
