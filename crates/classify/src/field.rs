//! Which member names of an error body mean what.
//!
//! Names that are not listed here are not read at all: unknown fields, ids and echoes of the request never count.

/// What a member name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// Something with more fields in it; a text there is a message.
    Error,
    /// Only worth reading if it holds more fields.
    Container,
    /// Lists the answer of a completion: only reasons and types in it are read.
    Answer,
    /// A code.
    Code,
    /// A type.
    Kind,
    /// A status, by number or by name.
    Status,
    /// A reason, also why a completion ended.
    Reason,
    /// The parameter at fault.
    Param,
    /// Words; the number orders several of them, 0 being the main one.
    Message(u8),
    /// A limit's name or value, as Google tells them.
    Quota,
    /// What an assistant is said to have said.
    Content,
    /// When to come back.
    Delay(DelayField),
    /// Not read.
    Unknown,
}

/// How a delay field tells its delay, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DelayField {
    /// Seconds from now, by a provider's own name.
    Seconds,
    /// A moment: epoch or date.
    Moment,
    /// A duration with units.
    Duration,
    /// Milliseconds from now.
    Millis,
    /// What `Retry-After` would say.
    RetryAfter,
    /// When a window ends, in whatever form.
    WindowReset,
}

/// Bytes of the longest name that is looked up.
const NAME_BYTES_MAX: usize = 32;

/// Looks `name` up, whatever its case and with or without `_` and `-`.
pub(crate) fn field(name: &str) -> Field {
    // As nearly everybody writes them.
    match name {
        "error" => return Field::Error,
        "message" => return Field::Message(0),
        "type" => return Field::Kind,
        "code" => return Field::Code,
        "param" => return Field::Param,
        "status" => return Field::Status,
        _ => {}
    }
    let mut plain = [0_u8; NAME_BYTES_MAX];
    let mut len = 0;
    for byte in name.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b'@')) {
        if len == NAME_BYTES_MAX {
            return Field::Unknown;
        }
        plain[len] = byte.to_ascii_lowercase();
        len += 1;
    }
    match &plain[..len] {
        b"error" | b"errors" | b"fault" | b"exception" => Field::Error,
        b"body"
        | b"response"
        | b"metadata"
        | b"data"
        | b"baseresp"
        | b"header"
        | b"headers"
        | b"innererror"
        | b"cause"
        | b"result"
        | b"violations"
        | b"lasterror"
        | b"errordetails"
        | b"errordetail"
        | b"responsemetadata"
        | b"promptfeedback"
        | b"stopdetails"
        | b"incompletedetails"
        | b"upstreamerror"
        | b"originalerror"
        | b"errorinfo"
        | b"providererror"
        | b"providermodelerror"
        | b"externalmodelmessage" => Field::Container,
        b"choices" | b"candidates" | b"output" => Field::Answer,
        b"content" => Field::Content,
        b"code" | b"errorcode" | b"errcode" | b"statuscode" | b"httpcode" | b"errno" | b"ret"
        | b"rawstatuscode" | b"responsecode" | b"faultcode" | b"subcode" => Field::Code,
        b"type" | b"errortype" | b"errtype" | b"kind" => Field::Kind,
        b"status" | b"httpstatus" | b"statusname" => Field::Status,
        b"reason"
        | b"blockreason"
        | b"finishreason"
        | b"stopreason"
        | b"limitsource"
        | b"nativefinishreason" => Field::Reason,
        b"param" | b"parameter" | b"loc" | b"field" => Field::Param,
        b"message" | b"msg" | b"errormsg" | b"errormessage" | b"errmsg" | b"statusmsg" | b"statusmessage"
        | b"faultstring" => Field::Message(0),
        b"detail" => Field::Message(1),
        b"errordescription" | b"description" | b"blockreasonmessage" | b"finishmessage" | b"reasonphrase" => {
            Field::Message(2)
        }
        b"raw" | b"details" | b"title" | b"messagezh" | b"messageen" | b"info" | b"originalmessage" => {
            Field::Message(3)
        }
        b"quotaid" | b"quotavalue" | b"quotalimit" | b"quotalimitvalue" | b"quotametric" | b"quotaunit" => {
            Field::Quota
        }
        _ => delay_field(&plain[..len]),
    }
}

fn delay_field(plain: &[u8]) -> Field {
    match plain {
        b"resetsinseconds" | b"resetseconds" | b"retryafterseconds" | b"resetinseconds"
        | b"resetafterseconds" | b"retryinseconds" | b"waitseconds" | b"waittimeseconds" | b"waittime"
        | b"cooldownseconds" | b"retryaftersecs" | b"retryaftersec" | b"resetsin" | b"resetin"
        | b"retryin" | b"estimatedtime" => Field::Delay(DelayField::Seconds),
        b"resetsat"
        | b"resetat"
        | b"quotaresettimestamp"
        | b"resettimestamp"
        | b"retryat"
        | b"nextretryat" => Field::Delay(DelayField::Moment),
        b"retrydelay" | b"quotaresetdelay" | b"resettime" => Field::Delay(DelayField::Duration),
        b"retryafterms" | b"retryinms" | b"retrydelayms" | b"waitms" | b"resetinms" | b"resetsinms"
        | b"resetafterms" => Field::Delay(DelayField::Millis),
        b"retryafter" => Field::Delay(DelayField::RetryAfter),
        b"xratelimitreset" | b"xratelimitresetrequests" | b"xratelimitresettokens" => {
            Field::Delay(DelayField::WindowReset)
        }
        _ => Field::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_every_common_spelling() {
        for name in ["error_code", "errorCode", "error-code", "ErrorCode"] {
            assert_eq!(field(name), Field::Code);
        }
        assert_eq!(field("Retry-After"), Field::Delay(DelayField::RetryAfter));
    }

    #[test]
    fn ids_and_echoes_of_the_request_are_not_read() {
        for name in
            ["request_id", "id", "sid", "user_id", "failed_generation", "model", "input", "remedy_hint", ""]
        {
            assert_eq!(field(name), Field::Unknown, "{name}");
        }
        assert_eq!(field(&"error".repeat(20)), Field::Unknown);
    }
}
