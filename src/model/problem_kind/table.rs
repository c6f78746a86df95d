//! The table of problems, with one row for each problem code. Answers, help pages and the OpenAPI document take
//! their texts from it.

use super::facts::FixBy::{Caller, ChatAdmin, Nobody, Operator, Receiver, TenantAdmin};
use super::facts::Outcome::{NotDelivered, Unknown};
use super::facts::{Facts, Remedy};
use super::kind::ProblemKind::{self, *};

impl ProblemKind {
    /// The facts that hold for every occurrence of this problem.
    #[must_use]
    #[rustfmt::skip]
    #[expect(clippy::too_many_lines, reason = "a table with one row for each problem")]
    pub const fn facts(self) -> Facts {
    match self {
        InvalidRequest => Facts {
            name: "invalid_request", status: 400, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The request is invalid",
            title_zh: "请求无效",
            remedy: Remedy {
                en: "Correct the fields named in errors.",
                zh: "请修正 errors 中列出的字段。",
            },
        },
        BotNotInChat => Facts {
            name: "bot_not_in_chat", status: 403, fix_by: ChatAdmin, outcome: NotDelivered, retryable: false,
            title: "The bot is not in the chat",
            title_zh: "机器人不在群中",
            remedy: Remedy {
                en: "Add the app's bot to the chat that receives the message.",
                zh: "把应用机器人拉进接收消息的群。",
            },
        },
        BotNotEnabled => Facts {
            name: "bot_not_enabled", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The app has no bot",
            title_zh: "应用未启用机器人",
            remedy: Remedy {
                en: "Enable the bot capability of the app and publish a new version.",
                zh: "为应用启用机器人能力并发布新版本。",
            },
        },
        UserOutOfScope => Facts {
            name: "user_out_of_scope", status: 403, fix_by: TenantAdmin, outcome: NotDelivered, retryable: false,
            title: "The user is outside the app's availability range",
            title_zh: "用户不在应用可用范围内",
            remedy: Remedy {
                en: "Add the user to the app's availability range. Feishu also gives this answer for a user who has resigned.",
                zh: "把该用户加入应用可用范围；用户已离职时也会返回此码。",
            },
        },
        ChatSettingsForbid => Facts {
            name: "chat_settings_forbid", status: 403, fix_by: ChatAdmin, outcome: NotDelivered, retryable: false,
            title: "The chat's settings forbid posting",
            title_zh: "群设置不允许发言",
            remedy: Remedy {
                en: "Only chosen members may post in this chat. Change the chat's settings, or allow the bot to post.",
                zh: "该群只允许指定成员发言，请修改群设置，或允许机器人发言。",
            },
        },
        ThreadNotFound => Facts {
            name: "thread_not_found", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The thread does not exist",
            title_zh: "话题不存在",
            remedy: Remedy {
                en: "Check the thread_id of the receiver.",
                zh: "检查作为接收者的 thread_id。",
            },
        },
        ReceiverRateLimited => Facts {
            name: "receiver_rate_limited", status: 429, fix_by: Nobody, outcome: NotDelivered, retryable: true,
            title: "The receiver gets too many messages",
            title_zh: "接收者的消息过于频繁",
            remedy: Remedy {
                en: "The gateway sends at most 5 messages a second to one receiver. Wait for the seconds in Retry-After, or send less often.",
                zh: "网关对同一接收者限制为每秒 5 条，请按 Retry-After 等待，或降低发送频率。",
            },
        },
        PermissionMissing => Facts {
            name: "permission_missing", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The app lacks a permission",
            title_zh: "应用缺少权限",
            remedy: Remedy {
                en: "Ask the operator to grant the app im:message or im:message:send_as_bot.",
                zh: "请运维为应用开通 im:message 或 im:message:send_as_bot。",
            },
        },
        UserResigned => Facts {
            name: "user_resigned", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiver has left the company",
            title_zh: "接收者已离职",
            remedy: Remedy {
                en: "Remove this user from your list.",
                zh: "请将该用户从名单中移除。",
            },
        },
        ReceiverInvalid => Facts {
            name: "receiver_invalid", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiver is invalid",
            title_zh: "接收者无效",
            remedy: Remedy {
                en: "Check receive_id: it does not exist, or its type is not receive_id_type.",
                zh: "请检查 receive_id：它不存在，或与 receive_id_type 不匹配。",
            },
        },
        SendDenied => Facts {
            name: "send_denied", status: 403, fix_by: ChatAdmin, outcome: NotDelivered, retryable: false,
            title: "Sending to this receiver is denied",
            title_zh: "不允许向该接收者发送消息",
            remedy: Remedy {
                en: "Check whether the chat is muted, the receiver has blocked the bot, or a tenant policy forbids the conversation.",
                zh: "请检查：群是否被禁言、接收者是否屏蔽了机器人、企业策略是否允许沟通。",
            },
        },
        TenantKeyDeleted => Facts {
            name: "tenant_key_deleted", status: 403, fix_by: TenantAdmin, outcome: NotDelivered, retryable: false,
            title: "The tenant's encryption key was deleted",
            title_zh: "租户加密密钥已删除",
            remedy: Remedy {
                en: "Nobody can read the message any more. Ask the tenant's administrator.",
                zh: "消息已无法读取，请联系企业管理员。",
            },
        },
        CrossTenantForbidden => Facts {
            name: "cross_tenant_forbidden", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiver belongs to another tenant",
            title_zh: "接收者属于其他租户",
            remedy: Remedy {
                en: "Send to a receiver of your own tenant: this API sends no direct message to a user of another tenant.",
                zh: "请改为本租户的接收者：本接口不能向其他租户的用户发送单聊消息。",
            },
        },
        MessageInProgress => Facts {
            name: "message_in_progress", status: 409, fix_by: Nobody, outcome: Unknown, retryable: true,
            title: "The message is being sent",
            title_zh: "消息正在发送",
            remedy: Remedy {
                en: "Feishu is still processing the same forward. Retry with the same uuid.",
                zh: "飞书仍在处理同一次转发，请稍后使用相同 uuid 重试。",
            },
        },
        MessageNotVisible => Facts {
            name: "message_not_visible", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The bot cannot see the message",
            title_zh: "机器人看不到该消息",
            remedy: Remedy {
                en: "Add the bot to the chat that the message comes from.",
                zh: "请先把机器人加入消息所在的会话。",
            },
        },
        UserStoppedBot => Facts {
            name: "user_stopped_bot", status: 403, fix_by: Receiver, outcome: NotDelivered, retryable: false,
            title: "The user has stopped the bot",
            title_zh: "用户已停止接收机器人消息",
            remedy: Remedy {
                en: "The user turned off this bot's messages. Only the user can turn them on again.",
                zh: "用户已停止接收该机器人的消息，只能由用户自行恢复。",
            },
        },
        MessageTypeUnsupported => Facts {
            name: "message_type_unsupported", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "This type of message cannot be forwarded",
            title_zh: "该类型的消息不能转发",
            remedy: Remedy {
                en: "System, red packet, vote, voice and calendar transfer messages cannot be forwarded.",
                zh: "系统消息、红包、投票、语音、日程转让等类型不能转发。",
            },
        },
        EncryptedChatForbidden => Facts {
            name: "encrypted_chat_forbidden", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiving chat is encrypted",
            title_zh: "目标群为加密群",
            remedy: Remedy {
                en: "The receiving chat uses third-party encryption. Choose another receiver.",
                zh: "目标群为第三方加密群，请更换接收者。",
            },
        },
        ChatInvalid => Facts {
            name: "chat_invalid", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiving chat is invalid",
            title_zh: "目标群无效",
            remedy: Remedy {
                en: "Check that the receiving chat exists.",
                zh: "检查目标群是否存在。",
            },
        },
        MessageInvalid => Facts {
            name: "message_invalid", status: 404, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message is invalid",
            title_zh: "消息无效",
            remedy: Remedy {
                en: "Check the message_id: the message does not exist, was recalled, or is not visible to the bot.",
                zh: "请检查 message_id：消息不存在、已撤回，或对机器人不可见。",
            },
        },
        MessageRecalled => Facts {
            name: "message_recalled", status: 410, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message was recalled",
            title_zh: "消息已被撤回",
            remedy: Remedy {
                en: "A recalled message cannot be forwarded.",
                zh: "已撤回的消息无法转发。",
            },
        },
        MessageInSecretChat => Facts {
            name: "message_in_secret_chat", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message is in a secret chat",
            title_zh: "消息在密聊群中",
            remedy: Remedy {
                en: "Messages of a secret chat cannot be forwarded.",
                zh: "密聊群中的消息不能转发。",
            },
        },
        MessageRestricted => Facts {
            name: "message_restricted", status: 403, fix_by: ChatAdmin, outcome: NotDelivered, retryable: false,
            title: "The message is restricted",
            title_zh: "消息受保密限制",
            remedy: Remedy {
                en: "The message or its chat has leak protection (restricted mode). Turn it off to forward the message.",
                zh: "消息或会话开启了防泄密（保密）模式，请先关闭再转发。",
            },
        },
        ThreadNotVisible => Facts {
            name: "thread_not_visible", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The bot cannot see the receiving thread",
            title_zh: "机器人看不到目标话题",
            remedy: Remedy {
                en: "Mention the bot in the thread, or let new members see the chat's history.",
                zh: "请在话题中 @ 机器人，或允许新成员查看群的历史消息。",
            },
        },
        MessageDeleted => Facts {
            name: "message_deleted", status: 410, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message was deleted",
            title_zh: "消息已被删除",
            remedy: Remedy {
                en: "A deleted message cannot be forwarded.",
                zh: "已删除的消息无法转发。",
            },
        },
        ChatDissolved => Facts {
            name: "chat_dissolved", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The chat was dissolved",
            title_zh: "群已解散",
            remedy: Remedy {
                en: "Use the chat_id of another chat.",
                zh: "请改用其他群的 chat_id。",
            },
        },
        AppRateLimited => Facts {
            name: "app_rate_limited", status: 429, fix_by: Nobody, outcome: NotDelivered, retryable: true,
            title: "The app makes too many calls",
            title_zh: "应用调用过于频繁",
            remedy: Remedy {
                en: "The gateway keeps to the app's limits of 50 calls a second and 1000 a minute. Wait for the seconds in Retry-After.",
                zh: "网关遵守应用每秒 50 次、每分钟 1000 次的上限，请按 Retry-After 等待后重试。",
            },
        },
        MonthlyQuotaExhausted => Facts {
            name: "monthly_quota_exhausted", status: 429, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The monthly API quota is used up",
            title_zh: "当月 API 额度已用完",
            remedy: Remedy {
                en: "Upgrade the tenant's plan, or wait for the next month.",
                zh: "请升级企业套餐，或等待下个月。",
            },
        },
        GatewayAddressDenied => Facts {
            name: "gateway_address_denied", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The gateway's address is not allowed",
            title_zh: "网关的 IP 地址不被允许",
            remedy: Remedy {
                en: "Add the gateway's IP address to the app's allow list.",
                zh: "请将网关的出口 IP 加入应用的 IP 白名单。",
            },
        },
        CredentialsRejected => Facts {
            name: "credentials_rejected", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "Feishu rejects the app's credentials",
            title_zh: "飞书拒绝了应用凭证",
            remedy: Remedy {
                en: "Ask the operator to check the app's app_id and app_secret, and whether the app is enabled.",
                zh: "请运维检查应用的 app_id 与 app_secret 以及应用是否启用。",
            },
        },
        AppNotInUse => Facts {
            name: "app_not_in_use", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The app is disabled",
            title_zh: "应用已停用",
            remedy: Remedy {
                en: "Enable the app in the developer console.",
                zh: "请在开发者后台启用应用。",
            },
        },
        AppNotAvailable => Facts {
            name: "app_not_available", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The app is not available in this tenant",
            title_zh: "应用在该租户不可用",
            remedy: Remedy {
                en: "Ask an administrator of the tenant to install and enable the app.",
                zh: "请企业管理员在本企业安装并启用该应用。",
            },
        },
        MessageNotFound => Facts {
            name: "message_not_found", status: 404, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message does not exist",
            title_zh: "消息不存在",
            remedy: Remedy {
                en: "Check message_id: it does not exist, or is not the id of a message.",
                zh: "请检查 message_id：它不存在，或不是消息 ID。",
            },
        },
        DailyQuotaExhausted => Facts {
            name: "daily_quota_exhausted", status: 429, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The daily message quota is used up",
            title_zh: "当日消息额度已用完",
            remedy: Remedy {
                en: "Wait for the next day.",
                zh: "请等待次日额度恢复。",
            },
        },
        FeishuInternalError => Facts {
            name: "feishu_internal_error", status: 502, fix_by: Nobody, outcome: Unknown, retryable: true,
            title: "Feishu failed internally",
            title_zh: "飞书内部错误",
            remedy: Remedy {
                en: "Retry with the same uuid.",
                zh: "请使用相同 uuid 重试。",
            },
        },
        MessagesNotMergeable => Facts {
            name: "messages_not_mergeable", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "These messages cannot be merged",
            title_zh: "这些消息不能合并转发",
            remedy: Remedy {
                en: "Merge only messages of one chat. Do not mix messages of several threads, or of a thread and its chat.",
                zh: "只能合并同一会话中的消息；不能混合多个话题，或同时包含话题与普通消息。",
            },
        },
        ThreadSourceNotVisible => Facts {
            name: "thread_source_not_visible", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The bot cannot see the thread to be forwarded",
            title_zh: "机器人看不到待转发的话题",
            remedy: Remedy {
                en: "Add the bot to the thread's chat. If new members cannot see the chat's history, also mention the bot in the thread.",
                zh: "请将机器人加入话题所在的群；若新成员不能查看历史消息，还需在话题中 @ 机器人。",
            },
        },
        Unauthorized => Facts {
            name: "unauthorized", status: 401, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The API key is missing or not valid",
            title_zh: "API 密钥缺失或无效",
            remedy: Remedy {
                en: "Send a valid API key as X-API-Key or as a bearer token; ask the operator for one.",
                zh: "请通过 X-API-Key 或 Bearer 携带有效的 API 密钥；如无密钥请联系运维人员。",
            },
        },
        ReceiverNotAllowed => Facts {
            name: "receiver_not_allowed", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The API key is not allowed to forward to this receiver",
            title_zh: "API 密钥无权转发给该接收者",
            remedy: Remedy {
                en: "Ask the gateway's operator to change your API key's policy: add the receiver to allow_receivers, or its type to allow_receive_id_types.",
                zh: "请网关运维人员将该接收者加入此 API 密钥的 allow_receivers，或将其类型加入 allow_receive_id_types。",
            },
        },
        TenantNotAllowed => Facts {
            name: "tenant_not_allowed", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The API key is not allowed to forward in this tenant",
            title_zh: "API 密钥无权在该租户中转发",
            remedy: Remedy {
                en: "Check the header X-Tenant-Key. Or ask the gateway's operator to add the tenant to your API key's tenant_key.",
                zh: "请检查请求头 X-Tenant-Key，或请网关运维人员将该租户加入此 API 密钥的 tenant_key。",
            },
        },
        OriginNotAllowed => Facts {
            name: "origin_not_allowed", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The origin of the request is not allowed",
            title_zh: "请求来源不被允许",
            remedy: Remedy {
                en: "Send no Origin header, as programs do. Or ask the gateway's operator to add the page's origin to server.mcp_origins, or the host's name to server.mcp_hosts.",
                zh: "请像程序那样不带 Origin 请求头调用，或请网关运维人员将页面来源加入 server.mcp_origins，或将主机名加入 server.mcp_hosts。",
            },
        },
        CallerRateLimited => Facts {
            name: "caller_rate_limited", status: 429, fix_by: Caller, outcome: NotDelivered, retryable: true,
            title: "The API key makes too many calls",
            title_zh: "该 API 密钥调用过于频繁",
            remedy: Remedy {
                en: "Wait for the seconds in Retry-After and send more slowly. Or ask the operator for more calls a minute (keys.NAME.per_minute).",
                zh: "请按 Retry-After 等待后重试并降低发送频率，或请运维提高该密钥每分钟的调用次数（keys.NAME.per_minute）。",
            },
        },
        CallerQuotaExhausted => Facts {
            name: "caller_quota_exhausted", status: 429, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The monthly calls of the API key are used up",
            title_zh: "该 API 密钥当月的调用次数已用完",
            remedy: Remedy {
                en: "Ask the operator for more calls a month (keys.NAME.per_month), or wait for the next month (UTC+8).",
                zh: "请运维提高该密钥每月的调用次数（keys.NAME.per_month），或等待下个月（UTC+8）。",
            },
        },
        RouteNotFound => Facts {
            name: "route_not_found", status: 404, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The route does not exist",
            title_zh: "接口不存在",
            remedy: Remedy {
                en: "Check the path; /openapi.json lists every route.",
                zh: "请检查路径；/openapi.json 列出了全部接口。",
            },
        },
        MethodNotAllowed => Facts {
            name: "method_not_allowed", status: 405, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The route does not accept this method",
            title_zh: "接口不支持该方法",
            remedy: Remedy {
                en: "Use one of the methods in the Allow header.",
                zh: "请使用 Allow 响应头中列出的方法。",
            },
        },
        RequestTimeout => Facts {
            name: "request_timeout", status: 408, fix_by: Caller, outcome: NotDelivered, retryable: true,
            title: "The request arrived too slowly",
            title_zh: "请求传输过慢",
            remedy: Remedy {
                en: "Send the head and the body at once, over a new connection.",
                zh: "请在新连接上一次性发送完整的请求头与请求体。",
            },
        },
        BodyTooLarge => Facts {
            name: "body_too_large", status: 413, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The request body is too large",
            title_zh: "请求体过大",
            remedy: Remedy {
                en: "Send only {\"receive_id\": \"…\"}; nothing else belongs in the body.",
                zh: "请求体只需包含 {\"receive_id\": \"…\"}，请勿附带其他内容。",
            },
        },
        UnsupportedMediaType => Facts {
            name: "unsupported_media_type", status: 415, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The request body is not JSON",
            title_zh: "请求体不是 JSON",
            remedy: Remedy {
                en: "Send the body as JSON, with Content-Type: application/json.",
                zh: "请以 JSON 发送请求体，并设置 Content-Type: application/json。",
            },
        },
        IdempotencyKeyReused => Facts {
            name: "idempotency_key_reused", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The Idempotency-Key was used for another forward",
            title_zh: "该 Idempotency-Key 已用于另一次转发",
            remedy: Remedy {
                en: "Use a new key for each forward. Repeat a key only to repeat the same forward.",
                zh: "每次转发请使用新的 Idempotency-Key；旧的只能用于重试同一次转发。",
            },
        },
        UuidReused => Facts {
            name: "uuid_reused", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The uuid was used for another forward",
            title_zh: "该 uuid 已用于另一次转发",
            remedy: Remedy {
                en: "Use a new uuid for each forward. Repeat a uuid only to repeat the same forward.",
                zh: "每次转发请使用新的 uuid；旧的只能用于重试同一次转发。",
            },
        },
        TooLateToRepeat => Facts {
            name: "too_late_to_repeat", status: 409, fix_by: Caller, outcome: Unknown, retryable: false,
            title: "The forward may have been sent, and it is too late to repeat it",
            title_zh: "转发可能已送出，但已超过可重试的时限",
            remedy: Remedy {
                en: "Check whether the receiver has the message. If not, forward it with a new uuid or Idempotency-Key.",
                zh: "请先确认接收者是否已收到该消息；若未收到，请使用新的 uuid 或 Idempotency-Key 转发。",
            },
        },
        BroadcastNotFound => Facts {
            name: "broadcast_not_found", status: 404, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The broadcast does not exist",
            title_zh: "群发不存在",
            remedy: Remedy {
                en: "Check the id. Only the API key that created a broadcast can see it, until some days after its end.",
                zh: "请检查 ID。群发只对创建它的 API 密钥可见，并在结束若干天后删除。",
            },
        },
        BroadcastEnded => Facts {
            name: "broadcast_ended", status: 409, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The broadcast has ended",
            title_zh: "群发已结束",
            remedy: Remedy {
                en: "Nothing is left to cancel or to retry. See the broadcast's counts.",
                zh: "已没有可取消或可重试的接收者，请查看该群发的 counts。",
            },
        },
        TooManyBroadcasts => Facts {
            name: "too_many_broadcasts", status: 429, fix_by: Caller, outcome: NotDelivered, retryable: true,
            title: "Too many broadcasts are active",
            title_zh: "进行中的群发过多",
            remedy: Remedy {
                en: "Wait until one of your broadcasts ends, or cancel one. Then retry with the same Idempotency-Key.",
                zh: "请等待某个群发结束（或取消一个）后，用相同的 Idempotency-Key 重试。",
            },
        },
        BroadcastsNotConfigured => Facts {
            name: "broadcasts_not_configured", status: 501, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "Broadcasts are not configured",
            title_zh: "网关未配置群发",
            remedy: Remedy {
                en: "Ask the operator to set broadcasts.path (for one process) or state.url (for replicas).",
                zh: "请运维配置 broadcasts.path（单进程）或 state.url（多副本）。",
            },
        },
        IdempotencyKeyMissing => Facts {
            name: "idempotency_key_missing", status: 400, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The request needs an Idempotency-Key",
            title_zh: "请求缺少 Idempotency-Key",
            remedy: Remedy {
                en: "Send the header Idempotency-Key with a unique value of your choice. Send the same value when you repeat the request.",
                zh: "请在请求头 Idempotency-Key 中携带自定义的唯一值；重试时使用相同的值。",
            },
        },
        EventRejected => Facts {
            name: "event_rejected", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The event did not pass the checks of its app",
            title_zh: "事件未通过应用的校验",
            remedy: Remedy {
                en: "Compare encrypt_key and verification_token of the app with the developer console. The gateway's log says which check failed.",
                zh: "请核对应用的 encrypt_key 和 verification_token 是否与开发者后台一致；网关日志会说明哪项校验未通过。",
            },
        },
        FeishuUnreachable => Facts {
            name: "feishu_unreachable", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: true,
            title: "Feishu cannot be reached",
            title_zh: "无法连接飞书",
            remedy: Remedy {
                en: "Nothing was sent. Try again later. If this lasts, ask the operator to check the gateway's DNS, outbound network and trusted certificates.",
                zh: "消息未发送，请稍后重试；若持续出现，请运维检查网关的 DNS、出口网络与受信任的证书。",
            },
        },
        FeishuUnreadable => Facts {
            name: "feishu_unreadable", status: 502, fix_by: Nobody, outcome: Unknown, retryable: true,
            title: "Feishu's answer cannot be read",
            title_zh: "无法读取飞书的响应",
            remedy: Remedy {
                en: "The message may have been delivered. Retry with the same uuid within the hour: the message then cannot arrive twice.",
                zh: "消息可能已送达；请在一小时内使用相同 uuid 重试，消息不会重复送达。",
            },
        },
        FeishuError => Facts {
            name: "feishu_error", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "Feishu answered with an unknown error",
            title_zh: "飞书返回了未知错误",
            remedy: Remedy {
                en: "Look up the code in Feishu's documentation. feishu.troubleshooter links to Feishu's help, if Feishu sent a link.",
                zh: "请在飞书文档中查询该错误码；若返回了 feishu.troubleshooter，可参考其中链接。",
            },
        },
        FeishuTimeout => Facts {
            name: "feishu_timeout", status: 504, fix_by: Nobody, outcome: Unknown, retryable: true,
            title: "Feishu did not answer in time",
            title_zh: "飞书未及时响应",
            remedy: Remedy {
                en: "The message may have been delivered. Retry with the same uuid within the hour: the message then cannot arrive twice.",
                zh: "消息可能已送达；请在一小时内使用相同 uuid 重试，消息不会重复送达。",
            },
        },
        Overloaded => Facts {
            name: "overloaded", status: 503, fix_by: Operator, outcome: NotDelivered, retryable: true,
            title: "The gateway is overloaded",
            title_zh: "网关负载过高",
            remedy: Remedy {
                en: "Wait for the seconds in Retry-After, then try again.",
                zh: "请按 Retry-After 等待后重试。",
            },
        },
        Draining => Facts {
            name: "draining", status: 503, fix_by: Nobody, outcome: NotDelivered, retryable: true,
            title: "The gateway is shutting down",
            title_zh: "网关正在关闭",
            remedy: Remedy {
                en: "Try again. Another replica or the new process will answer.",
                zh: "请重试，其他副本或新进程会处理请求。",
            },
        },
        InternalError => Facts {
            name: "internal_error", status: 500, fix_by: Operator, outcome: Unknown, retryable: false,
            title: "The gateway failed",
            title_zh: "网关内部错误",
            remedy: Remedy {
                en: "This is a fault of the gateway. Give the operator the request_id.",
                zh: "这是网关的故障，请将 request_id 提供给运维人员。",
            },
        },
    }
    }
}
