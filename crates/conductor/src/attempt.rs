//! One attempt at one candidate: from the executor's reply to an outcome, up to the first content.
//!
//! It decides what an answer is worth, never what to do next: that is the policy's.

use std::{collections::VecDeque, mem, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use rapidhash::v3::rapidhash_v3;
use standin_classify::{Classifier, Observed, Transport};
use standin_core::{
    CUT_SHORT, Certainty, Clock, ErrorClass, Failure, Layer, Progress, Scope, UpstreamError, UpstreamModel,
    Verdict,
};
use standin_upstream::{CallerRequest, FrameStream, Reply, ReplyBody, SendError, relay_headers};
use standin_wire::{Frame, Mark, Usage, WholeReply};

use crate::snapshot::Upstream;

/// Frames held back before the first content; more of them commit (`hold_events_max`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct HoldLimits {
    pub(crate) events_max: usize,
    pub(crate) bytes_max: usize,
}

/// What may still be held.
struct Room {
    events: usize,
    bytes: usize,
}

impl Room {
    /// Takes up a frame; whether there was room for it. A comment is no event, but it costs more than its bytes.
    fn take(&mut self, frame: &Frame) -> bool {
        const COMMENT_BYTES: usize = 64;
        let (events, bytes) = match frame.is_comment() {
            true => (0, frame.bytes.len() + COMMENT_BYTES),
            false => (1, frame.bytes.len()),
        };
        let has_room = self.events >= events && self.bytes >= bytes;
        (self.events, self.bytes) = (self.events.saturating_sub(events), self.bytes.saturating_sub(bytes));
        has_room
    }
}

/// What an attempt came to.
pub(crate) enum Attempted {
    /// A whole reply, ready for the caller.
    Whole { status: StatusCode, headers: HeaderMap, body: Bytes, usage: Usage, kept_as: Option<String> },
    /// A stream that has begun to say something.
    Stream { headers: HeaderMap, held: VecDeque<Frame>, stream: Box<dyn FrameStream> },
    /// A failure, with the upstream's own body where there was one.
    Failed(Failed),
}

/// What a first look at a reply says.
pub(crate) enum Looked {
    /// That the attempt is over.
    Over(Attempted),
    /// That it goes on: the headers and the stream.
    Streams(HeaderMap, Box<dyn FrameStream>),
}

/// A failed attempt.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) failure: Arc<Failure>,
    /// The upstream's error body and headers: relayed as they are when they turn out to be the final answer.
    pub(crate) reply: Option<(StatusCode, HeaderMap, Bytes)>,
}

/// How a stream went wrong.
pub(crate) enum StreamFault {
    /// The upstream said so, in a frame.
    Said(Frame),
    /// The connection broke or went silent.
    Broke(SendError),
    /// It ended without its terminal event.
    CutShort,
}

/// Judges the replies of one attempt.
pub(crate) struct Judge<'a> {
    pub(crate) classifier: &'a Classifier,
    pub(crate) request: &'a CallerRequest,
    pub(crate) upstream: &'a Upstream,
    pub(crate) model: &'a UpstreamModel,
    pub(crate) clock: &'a dyn Clock,
    /// Whether the caller has already got a head.
    pub(crate) is_head_out: bool,
}

impl Judge<'_> {
    /// What a reply comes to; a stream is not judged before [`first_content`](Self::first_content).
    pub(crate) fn look(&self, sent: Result<Reply, SendError>) -> Looked {
        let Reply { status, headers, body } = match sent {
            Ok(reply) => reply,
            Err(error) => return Looked::Over(Attempted::Failed(self.broke(&error))),
        };
        match body {
            ReplyBody::Whole(body) if status.is_success() => Looked::Over(self.whole(status, headers, body)),
            ReplyBody::Whole(body) => Looked::Over(Attempted::Failed(self.refused(status, headers, body))),
            ReplyBody::Stream(stream) => Looked::Streams(headers, stream),
        }
    }

    fn whole(&self, status: StatusCode, headers: HeaderMap, body: Bytes) -> Attempted {
        if self.request.is_streaming {
            return Attempted::Failed(self.not_a_stream(&headers, &body));
        }
        match standin_wire::read_reply(self.request.dialect, self.request.operation, &body) {
            WholeReply::Complete { model_span, usage, kept_as } => {
                let body = match model_span {
                    Some(span) => standin_wire::splice_model(&body, &span, self.request.model.as_str()),
                    None => body,
                };
                Attempted::Whole { status, headers: relay_headers(headers), body, usage, kept_as }
            }
            WholeReply::ErrorInside => Attempted::Failed(self.inside(&headers, &body, Transport::Body200)),
            WholeReply::Empty => {
                Attempted::Failed(self.malformed("wire/empty-completion", "an empty completion", &body))
            }
            WholeReply::NotTheDialect(_) if standin_classify::looks_like_error(&body) => {
                Attempted::Failed(self.inside(&headers, &body, Transport::Body200))
            }
            WholeReply::NotTheDialect(what) => {
                Attempted::Failed(self.malformed("wire/not-the-dialect", what, &body))
            }
        }
    }

    /// A 200 that should have been an event stream and is one piece.
    fn not_a_stream(&self, headers: &HeaderMap, body: &Bytes) -> Failed {
        if standin_classify::looks_like_error(body) {
            return self.inside(headers, body, Transport::Body200);
        }
        self.malformed("wire/not-a-stream", "a 200 that is no event stream", body)
    }

    /// Holds lifecycle frames back until something is said: only then is the answer this attempt's.
    pub(crate) async fn first_content(
        &self,
        headers: &mut HeaderMap,
        mut stream: Box<dyn FrameStream>,
        limits: HoldLimits,
    ) -> Attempted {
        let mut held = VecDeque::new();
        let mut room = Room { events: limits.events_max, bytes: limits.bytes_max };
        let fault = loop {
            match std::future::poll_fn(|cx| stream.poll_frame(cx)).await {
                Some(Ok(frame)) if frame.mark == Mark::Error => break StreamFault::Said(frame),
                Some(Ok(frame)) => {
                    let has_room = room.take(&frame);
                    let commits = match frame.mark {
                        Mark::Content => true,
                        Mark::Terminal if !stream.is_empty() => true,
                        // Nothing was said before the end: whether that is an answer is known when all is read, and
                        // what never ends is none.
                        Mark::Terminal if !has_room => break StreamFault::CutShort,
                        Mark::Terminal => false,
                        _ => !has_room,
                    };
                    held.push_back(frame);
                    if commits {
                        return Attempted::Stream {
                            headers: self.stream_headers(mem::take(headers)),
                            held,
                            stream,
                        };
                    }
                }
                Some(Err(error)) => break StreamFault::Broke(error),
                None if stream.is_complete() && !stream.is_empty() => {
                    return Attempted::Stream {
                        headers: self.stream_headers(mem::take(headers)),
                        held,
                        stream,
                    };
                }
                None => break StreamFault::CutShort,
            }
        };
        Attempted::Failed(self.stream_fault(headers, &fault, stream.is_complete()))
    }

    /// What the caller may see of an upstream's headers; the content type is that of what the caller gets.
    fn stream_headers(&self, headers: HeaderMap) -> HeaderMap {
        let mut relayed = relay_headers(headers);
        let content_type = self.request.stream_form().content_type();
        relayed.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        relayed
    }

    /// The failure behind a broken stream, before or after its first content.
    pub(crate) fn stream_fault(&self, headers: &HeaderMap, fault: &StreamFault, is_complete: bool) -> Failed {
        match fault {
            StreamFault::Said(frame) => {
                let body = Bytes::from(standin_wire::error_payload(frame).into_owned());
                if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
                    return self.malformed("wire/broken-frame", "a frame of the stream is no JSON", &body);
                }
                self.inside(headers, &body, Transport::Sse)
            }
            StreamFault::Broke(error) => self.broke(error),
            StreamFault::CutShort if is_complete => {
                self.malformed("wire/empty-completion", "an empty completion", &Bytes::new())
            }
            StreamFault::CutShort => {
                self.malformed(CUT_SHORT, "the stream ended without its terminal event", &Bytes::new())
            }
        }
    }

    fn refused(&self, status: StatusCode, headers: HeaderMap, body: Bytes) -> Failed {
        let verdict = self.classify(status, &headers, &body, Transport::Http);
        let failure = self.failure(verdict, &body);
        Failed { failure, reply: Some((status, headers, body)) }
    }

    fn inside(&self, headers: &HeaderMap, body: &Bytes, transport: Transport) -> Failed {
        let verdict = self.classify(StatusCode::OK, headers, body, transport);
        Failed { failure: self.failure(verdict, body), reply: None }
    }

    fn classify(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        transport: Transport,
    ) -> Verdict {
        let models = [self.model.as_str(), self.request.model.as_str()];
        self.classifier.classify(&Observed {
            status: status.as_u16(),
            headers,
            body,
            transport,
            upstream: Some(self.upstream.id.as_str()),
            provider: self.upstream.family.as_deref(),
            dialect: Some(self.request.dialect),
            operation: Some(self.request.operation),
            models: &models,
            trust: self.upstream.trust,
            ..Observed::new(self.clock.wall())
        })
    }

    fn broke(&self, error: &SendError) -> Failed {
        let (rule, scope) = match error.class {
            _ if error.is_cut_short => (CUT_SHORT, Scope::Candidate),
            ErrorClass::Connect => ("transport/connect", Scope::Endpoint),
            ErrorClass::Timeout => ("transport/timeout", Scope::Candidate),
            ErrorClass::AuthFailed => ("transport/login-refused", Scope::Credential),
            ErrorClass::ServerError => ("transport/not-renewed", Scope::Candidate),
            _ => ("transport/malformed", Scope::Candidate),
        };
        let verdict = transport_verdict(error.class, scope, rule, &error.message);
        // What was not sent has no unknown fate, however much of other attempts the caller has seen.
        let progress = match error.progress {
            Progress::NotSent => Progress::NotSent,
            seen => seen.max(self.progress_floor(seen)),
        };
        Failed { failure: Arc::new(Failure { verdict, progress, fingerprint: 0 }), reply: None }
    }

    fn malformed(&self, rule: &'static str, what: &str, body: &Bytes) -> Failed {
        let verdict = transport_verdict(ErrorClass::Malformed, Scope::Candidate, rule, what);
        Failed { failure: self.failure(verdict, body), reply: None }
    }

    fn failure(&self, verdict: Verdict, body: &[u8]) -> Arc<Failure> {
        let fingerprint = fingerprint(verdict.error.status, body);
        Arc::new(Failure { verdict, progress: self.progress_floor(Progress::Sent), fingerprint })
    }

    fn progress_floor(&self, seen: Progress) -> Progress {
        if self.is_head_out { Progress::HeadersCommitted } else { seen }
    }
}

/// A verdict on something seen on the wire, not read from a reply.
fn transport_verdict(class: ErrorClass, scope: Scope, rule: &'static str, what: &str) -> Verdict {
    Verdict {
        class,
        scope,
        certainty: Certainty::Firm,
        delay: None,
        rule: rule.into(),
        layer: Layer::Transport,
        matched: what.chars().take(200).collect(),
        suspend: None,
        stop: false,
        error: UpstreamError { message: what.to_owned(), ..UpstreamError::default() },
    }
}

/// A digest of status and body; 0 stands for "no body", so a body never has it.
fn fingerprint(status: u16, body: &[u8]) -> u64 {
    if body.is_empty() {
        return 0;
    }
    (rapidhash_v3(body) ^ u64::from(status)).max(1)
}
