//! Violations of HTTP: the labels of a metric and of the audit log.

use http::StatusCode;

use crate::decide::refusal::Refusal;

/// A violation of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Both `Content-Length` and `Transfer-Encoding`.
    LengthAndCoding,
    /// A `Content-Length` that is not one number.
    ContentLength,
    /// A `Transfer-Encoding` that is not `chunked`, once, in HTTP/1.1.
    TransferEncoding,
    /// A chunk that is not framed as RFC 9112 §7.1 says.
    Chunk,
    /// A line that ends without a carriage return.
    BareLineFeed,
    /// A request line that is not method, target and version.
    RequestLine,
    /// Neither HTTP/1.1 nor HTTP/1.0.
    Version,
    /// A target with an invalid byte, or for another host than `Host` names.
    Target,
    /// No `Host`, two of them, or an invalid host.
    Host,
    /// A field that continues another line, has no colon, or has an invalid byte.
    Field,
    /// Too many empty lines before a request.
    EmptyLines,
    /// Too many fields, or too many bytes in them.
    HeadTooLarge,
    /// A request line that is too long.
    TargetTooLong,
    /// A head that did not come in time.
    HeadTimeout,
    /// A violation that only the HTTP library has found.
    Library,
    /// A PROXY header that is missing, malformed or late, from a trusted proxy.
    ProxyHeader,
    /// A connection to a listener with the PROXY protocol, but not from a trusted proxy.
    ProxyUntrusted,
    /// The client sent no byte until the connection had been idle for too long.
    Silent,
    /// HTTP/2: PROTOCOL_ERROR (RFC 9113 §7).
    H2Protocol,
    /// HTTP/2: FLOW_CONTROL_ERROR.
    H2FlowControl,
    /// HTTP/2: SETTINGS_TIMEOUT.
    H2SettingsTimeout,
    /// HTTP/2: STREAM_CLOSED.
    H2StreamClosed,
    /// HTTP/2: FRAME_SIZE_ERROR.
    H2FrameSize,
    /// HTTP/2: REFUSED_STREAM, for more streams or fields than the settings permit.
    H2RefusedStream,
    /// HTTP/2: COMPRESSION_ERROR.
    H2Compression,
    /// HTTP/2: ENHANCE_YOUR_CALM, for floods.
    H2EnhanceYourCalm,
    /// HTTP/2: any other error that ended the connection.
    H2Connection,
}

/// A violation, and its description.
pub(super) type FramingFault = (Violation, &'static str);

impl Violation {
    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LengthAndCoding => "length_and_coding",
            Self::ContentLength => "content_length",
            Self::TransferEncoding => "transfer_encoding",
            Self::Chunk => "chunk",
            Self::BareLineFeed => "bare_line_feed",
            Self::RequestLine => "request_line",
            Self::Version => "version",
            Self::Target => "target",
            Self::Host => "host",
            Self::Field => "field",
            Self::EmptyLines => "empty_lines",
            Self::HeadTooLarge => "head_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTimeout => "head_timeout",
            Self::Library => "library",
            Self::ProxyHeader => "proxy_header",
            Self::ProxyUntrusted => "proxy_untrusted",
            Self::Silent => "silent",
            Self::H2Protocol => "h2_protocol_error",
            Self::H2FlowControl => "h2_flow_control_error",
            Self::H2SettingsTimeout => "h2_settings_timeout",
            Self::H2StreamClosed => "h2_stream_closed",
            Self::H2FrameSize => "h2_frame_size_error",
            Self::H2RefusedStream => "h2_refused_stream",
            Self::H2Compression => "h2_compression_error",
            Self::H2EnhanceYourCalm => "h2_enhance_your_calm",
            Self::H2Connection => "h2_connection",
        }
    }

    /// The violation that an outgoing frame with this error code reports (RFC 9113 §7). `None` for
    /// NO_ERROR, CANCEL and INTERNAL_ERROR, which are about the gateway or the upstream.
    #[must_use]
    pub const fn of_h2(code: u32) -> Option<Self> {
        Some(match code {
            0 | 2 | 8 => return None,
            1 => Self::H2Protocol,
            3 => Self::H2FlowControl,
            4 => Self::H2SettingsTimeout,
            5 => Self::H2StreamClosed,
            6 => Self::H2FrameSize,
            7 => Self::H2RefusedStream,
            9 => Self::H2Compression,
            11 => Self::H2EnhanceYourCalm,
            _ => Self::H2Connection,
        })
    }

    /// The refusal for an HTTP/1.1 client, with the description `what`.
    #[must_use]
    pub const fn refusal(self, what: &'static str) -> Refusal {
        match self {
            Self::HeadTooLarge => Refusal::HeadersTooLarge,
            Self::TargetTooLong => Refusal::UriTooLong,
            Self::HeadTimeout => Refusal::HeadTimeout,
            _ => Refusal::BadRequest(what),
        }
    }

    /// The status of that refusal.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.refusal("").row().status
    }
}
