//! The lists of MCP, and the member that names an item of each.

/// Which list a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
    /// `tasks/list`.
    Tasks,
    /// Any list: for a batch, a GET stream or a resumed stream.
    Any,
}

/// Which items are hidden in lists (`hide:`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hide {
    /// No item.
    Never,
    /// Items that no scope could permit.
    Forbidden,
    /// Items that the token may not use now.
    Unauthorized,
}

/// One item of a list, by the name that rules match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedItem<'a> {
    /// `name` of a tool.
    Tool(&'a str),
    /// `name` of a prompt.
    Prompt(&'a str),
    /// `uri` of a resource.
    Resource(&'a str),
    /// `uriTemplate`.
    Template(&'a str),
    /// `taskId`.
    Task(&'a str),
}

/// The kind of a list's items.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Tool,
    Prompt,
    Resource,
    Template,
    Task,
}

impl ItemKind {
    /// The member that names an item.
    pub(super) fn key(self) -> &'static [&'static str] {
        match self {
            Self::Tool | Self::Prompt => &["name"],
            Self::Resource => &["uri"],
            Self::Template => &["uriTemplate"],
            Self::Task => &["taskId"],
        }
    }

    pub(super) fn item(self, name: &str) -> ListedItem<'_> {
        match self {
            Self::Tool => ListedItem::Tool(name),
            Self::Prompt => ListedItem::Prompt(name),
            Self::Resource => ListedItem::Resource(name),
            Self::Template => ListedItem::Template(name),
            Self::Task => ListedItem::Task(name),
        }
    }
}

impl Lists {
    /// The kind of items in this member of a result; `None` if it is not one of these lists.
    pub(super) fn kind(self, member: &str) -> Option<ItemKind> {
        let (list, kind) = match member {
            "tools" => (Self::Tools, ItemKind::Tool),
            "prompts" => (Self::Prompts, ItemKind::Prompt),
            "resources" => (Self::Resources, ItemKind::Resource),
            "resourceTemplates" => (Self::Templates, ItemKind::Template),
            "tasks" => (Self::Tasks, ItemKind::Task),
            _ => return None,
        };
        (self == list || self == Self::Any).then_some(kind)
    }
}
