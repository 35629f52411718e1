//! Authorization of HTTP requests: by the configured tokens, or by the host.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use crate::error::{Error, Result, Status, shutting_down};
use crate::events::Notices;
use crate::events::{AuthorizeRequest, Operation, RequestId};
use crate::ids;
use crate::limit::{Limit, Permit};
use crate::whep::http::is_token;

/// How long the host may take to decide.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests that may wait for the host at the same time.
const MAX_OPEN: usize = 1024;
/// Maximum number of configured tokens.
const MAX_TOKENS: usize = 64;

/// What a request needs permission for, and what it presents.
pub struct Claim<'a> {
    pub operation: Operation,
    pub stream: Option<&'a str>,
    pub token: Option<&'a str>,
    pub peer: Option<&'a str>,
}

/// Decides whether requests are allowed, or asks the host.
pub struct Authority {
    /// SHA-256 of each token: of equal length, and useless to anyone who reads the memory.
    tokens: RwLock<Vec<[u8; 32]>>,
    /// Where to ask the host, if it authorizes requests.
    host: Option<Notices>,
    questions: Limit,
    /// Where the host's decisions go.
    open: Mutex<HashMap<RequestId, oneshot::Sender<bool>>>,
}

impl Authority {
    /// Checks the tokens. `host` is set if the host authorizes requests.
    pub fn new(tokens: &[String], host: Option<Notices>) -> Result<Authority> {
        Ok(Authority {
            tokens: RwLock::new(hashes(tokens)?),
            host,
            questions: Limit::new(MAX_OPEN, "authorization requests"),
            open: Mutex::default(),
        })
    }

    /// Checks other tokens, and takes them in place of those before.
    pub fn set_tokens(&self, tokens: &[String]) -> Result<()> {
        *self.tokens.write() = hashes(tokens)?;
        Ok(())
    }

    /// Whether a request is allowed. Fails if the host does not decide.
    pub async fn allows(&self, claim: Claim<'_>) -> Result<bool> {
        if self.host.is_none() && self.tokens.read().is_empty() {
            return Ok(true);
        }
        if claim.token.is_some_and(|token| self.knows(token)) {
            return Ok(true);
        }
        match &self.host {
            Some(host) => self.ask(host, claim).await,
            None => Ok(false),
        }
    }

    /// Takes the host's decision. `NotFound` if the request no longer waits for it.
    pub fn answer(&self, id: RequestId, allow: bool) -> Result<()> {
        let answer = self.open.lock().remove(&id);
        let told = answer.is_some_and(|answer| answer.send(allow).is_ok());
        told.then_some(()).ok_or_else(|| {
            Error::new(
                Status::NotFound,
                format!(
                    "no request {} waits for a decision: it has been decided, has ended, or never existed",
                    id.0
                ),
            )
        })
    }

    /// Whether the token is configured. Takes the same time wherever tokens differ.
    fn knows(&self, token: &str) -> bool {
        let token = hash(token);
        self.tokens.read().iter().fold(false, |known, candidate| {
            known | aws_lc_rs::constant_time::verify_slices_are_equal(candidate, &token).is_ok()
        })
    }

    async fn ask(&self, host: &Notices, claim: Claim<'_>) -> Result<bool> {
        let (question, answer) = Question::open(self)?;
        let request = AuthorizeRequest {
            id: question.id,
            operation: claim.operation,
            stream: claim.stream.map(str::to_owned),
            token: claim.token.map(str::to_owned),
            peer: claim.peer.map(str::to_owned),
        };
        host.ask(request, Arc::clone(&question.permit));
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(allow)) => Ok(allow),
            Ok(Err(_)) => Err(shutting_down()),
            Err(_) => Err(Error::new(
                Status::Timeout,
                format!(
                    "the host did not decide within {} s whether this request is allowed",
                    ANSWER_TIMEOUT.as_secs()
                ),
            )),
        }
    }
}

/// A request that waits for the host's decision. Dropping it ends the wait.
struct Question<'a> {
    authority: &'a Authority,
    id: RequestId,
    permit: Arc<Permit>,
}

impl Question<'_> {
    fn open(authority: &Authority) -> Result<(Question<'_>, oneshot::Receiver<bool>)> {
        let permit = authority.questions.permit()?;
        let id = RequestId(ids::next());
        let (sender, answer) = oneshot::channel();
        authority.open.lock().insert(id, sender);
        let question = Question {
            authority,
            id,
            permit: Arc::new(permit),
        };
        Ok((question, answer))
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.authority.open.lock().remove(&self.id);
    }
}

fn hashes(tokens: &[String]) -> Result<Vec<[u8; 32]>> {
    if tokens.len() > MAX_TOKENS {
        return Err(unusable(&format!("{} are given", tokens.len())));
    }
    if let Some(index) = tokens.iter().position(|token| !is_token(token)) {
        return Err(unusable(&format!(
            "the token at index {index} is not valid"
        )));
    }
    Ok(tokens.iter().map(|token| hash(token)).collect())
}

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

fn unusable(what: &str) -> Error {
    Error::new(
        Status::InvalidArgument,
        format!(
            "bearer_tokens takes at most {MAX_TOKENS} tokens, each 1 to 8192 of the characters \
             A-Z a-z 0-9 - . _ ~ + / with = at the end; {what}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(token: Option<&str>) -> Claim<'_> {
        Claim {
            operation: Operation::Watch,
            stream: Some("door"),
            token,
            peer: None,
        }
    }

    fn silent_host() -> Authority {
        Authority::new(&["good".to_owned()], Some(Notices::to_nobody())).unwrap()
    }

    #[tokio::test]
    async fn without_tokens_and_host_everybody_may() {
        let authority = Authority::new(&[], None).unwrap();
        assert!(authority.allows(claim(None)).await.unwrap());
        assert!(authority.allows(claim(Some("any"))).await.unwrap());
    }

    #[tokio::test]
    async fn only_the_right_token_counts() {
        let tokens = ["good".to_owned(), "better=".to_owned()];
        let authority = Authority::new(&tokens, None).unwrap();
        for (token, allowed) in [
            (Some("good"), true),
            (Some("better="), true),
            (Some("goo"), false),
            (Some("goodx"), false),
            (Some("better"), false),
            (None, false),
        ] {
            let answer = authority.allows(claim(token)).await.unwrap();
            assert_eq!(answer, allowed, "{token:?}");
        }
    }

    #[tokio::test]
    async fn other_tokens_take_the_place_of_those_before_all_or_none() {
        let authority = Authority::new(&["old".to_owned()], None).unwrap();
        let bad = ["new".to_owned(), "no token".to_owned()];
        authority.set_tokens(&bad).unwrap_err();
        assert!(authority.allows(claim(Some("old"))).await.unwrap());
        assert!(!authority.allows(claim(Some("new"))).await.unwrap());
        authority.set_tokens(&["new".to_owned()]).unwrap();
        assert!(!authority.allows(claim(Some("old"))).await.unwrap());
        assert!(authority.allows(claim(Some("new"))).await.unwrap());
        authority.set_tokens(&[]).unwrap();
        assert!(authority.allows(claim(None)).await.unwrap());
    }

    #[test]
    fn unusable_tokens_are_refused_and_not_repeated() {
        for bad in ["", "secret with blanks", "secret\u{e9}", "==="] {
            let tokens = ["good".to_owned(), bad.to_owned()];
            let Err(error) = Authority::new(&tokens, None) else {
                panic!("{bad:?} was taken");
            };
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(!error.message().contains("secret"));
        }
        let many = vec!["a".to_owned(); MAX_TOKENS + 1];
        assert!(Authority::new(&many, None).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_never_answers_is_not_waited_for() {
        let authority = silent_host();
        let error = authority.allows(claim(None)).await.unwrap_err();
        assert_eq!(error.status(), Status::Timeout);
        assert!(authority.open.lock().is_empty());
        let late = authority.answer(RequestId(1), true).unwrap_err();
        assert_eq!(late.status(), Status::NotFound);
    }

    #[tokio::test]
    async fn the_host_answers_once() {
        let authority = silent_host();
        for allow in [true, false] {
            let (answer, ()) = tokio::join!(authority.allows(claim(None)), async {
                let id = *authority.open.lock().keys().next().unwrap();
                authority.answer(id, allow).unwrap();
                authority.answer(id, true).unwrap_err();
            });
            assert_eq!(answer.unwrap(), allow);
        }
    }

    #[tokio::test]
    async fn open_questions_are_bounded_and_end_with_who_asked() {
        let authority = silent_host();
        let mut asking: Vec<_> = (0..MAX_OPEN)
            .map(|_| Box::pin(authority.allows(claim(None))))
            .collect();
        for question in &mut asking {
            assert!(futures_util::poll!(question).is_pending());
        }
        let error = authority.allows(claim(None)).await.unwrap_err();
        assert_eq!(error.status(), Status::Limit);
        // A configured token does not need the host.
        assert!(authority.allows(claim(Some("good"))).await.unwrap());
        drop(asking);
        assert!(authority.open.lock().is_empty());
        // The questions are still in the host's queue, so there are no more than that.
        let error = authority.allows(claim(None)).await.unwrap_err();
        assert_eq!(error.status(), Status::Limit);
    }
}
