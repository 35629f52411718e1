//! Figures for many clients at the cost of one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Mutex;

use crate::error::{Result, panicked};

/// Maximum age of figures.
const FRESH: Duration = Duration::from_millis(250);

/// A value that is computed again only when it is old. Concurrent callers wait for the same one.
pub struct Cached<T> {
    fresh: Duration,
    made: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T: Send + 'static> Cached<T> {
    pub fn new() -> Self {
        Self::for_time(FRESH)
    }

    fn for_time(fresh: Duration) -> Self {
        Cached {
            fresh,
            made: Mutex::new(None),
        }
    }

    /// The cached value, or a new one from `make`, which may block.
    pub async fn get(&self, make: impl FnOnce() -> Result<T> + Send + 'static) -> Result<Arc<T>> {
        let mut made = self.made.lock().await;
        if let Some((when, value)) = &*made
            && when.elapsed() < self.fresh
        {
            return Ok(Arc::clone(value));
        }
        let value = tokio::task::spawn_blocking(make)
            .await
            .unwrap_or_else(|_| Err(panicked("this request")))?;
        let value = Arc::new(value);
        *made = Some((Instant::now(), Arc::clone(&value)));
        Ok(value)
    }
}

/// A snapshot and its two long parts.
pub struct Snapshot {
    pub all: Bytes,
    pub streams: Bytes,
    pub sessions: Bytes,
}

impl Snapshot {
    /// Cuts the parts out of the whole.
    pub fn cut(all: String) -> Result<Snapshot> {
        #[derive(Deserialize)]
        struct Parts<'a> {
            #[serde(borrow)]
            streams: &'a RawValue,
            #[serde(borrow)]
            sessions: &'a RawValue,
        }
        let parts: Parts<'_> = serde_json::from_str(&all).map_err(|_| panicked("this request"))?;
        let [streams, sessions] = [parts.streams, parts.sessions]
            .map(|part| Bytes::copy_from_slice(part.get().as_bytes()));
        Ok(Snapshot {
            streams,
            sessions,
            all: all.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::error::{Error, Status};

    #[test]
    fn the_parts_of_a_snapshot_are_cut_out() {
        let all = r#"{"version":"0","streams":[{"name":"a"}],"sessions":[]}"#;
        let snapshot = Snapshot::cut(all.to_owned()).unwrap();
        assert_eq!(snapshot.streams, r#"[{"name":"a"}]"#);
        assert_eq!(snapshot.sessions, "[]");
        assert_eq!(snapshot.all, all);
    }

    #[tokio::test]
    async fn onlookers_share_what_is_fresh() {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let make = || Ok(MADE.fetch_add(1, Ordering::SeqCst));
        let cached = Cached::for_time(Duration::MAX);
        let (a, b) = tokio::join!(cached.get(make), cached.get(make));
        let later = cached.get(make).await.unwrap();
        assert_eq!([*a.unwrap(), *b.unwrap(), *later], [0, 0, 0]);
        let old = Cached::for_time(Duration::ZERO);
        assert_eq!(*old.get(make).await.unwrap(), 1);
        assert_eq!(*old.get(make).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn failures_are_not_kept() {
        let cached = Cached::new();
        let error = Error::new(Status::Timeout, "busy");
        assert!(cached.get(move || Err(error)).await.is_err());
        assert_eq!(*cached.get(|| Ok(1)).await.unwrap(), 1);
    }
}
