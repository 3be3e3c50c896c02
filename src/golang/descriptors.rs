//! The messages, fields and enums of the protocol by name and number, read from the compiled-in descriptors. Code that
//! handles messages of any type (the JSON gateway, lenient decoding, the printing of log entries) uses these tables.

use std::{collections::HashMap, sync::LazyLock};

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

use crate::proto;

/// All messages, enums and services.
#[derive(Debug, Default)]
pub struct Descriptors {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    methods: HashMap<String, (MessageId, MessageId)>,
}

/// Index of a message in the tables.
pub type MessageId = usize;
/// Index of an enum in the tables.
pub type EnumId = usize;

/// A message type.
#[derive(Debug, Default)]
pub struct Message {
    /// Full name.
    pub name: String,
    /// Fields in the order of their numbers.
    pub fields: Vec<Field>,
    /// Indexes into `fields`, in the order of the .proto file.
    pub declared: Vec<usize>,
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// Field number on the wire.
    pub number: u32,
    /// Name as in the .proto file.
    pub name: String,
    /// Name in lowerCamelCase, which JSON accepts as well.
    pub json_name: String,
    /// Type of the value.
    pub kind: FieldType,
    /// Whether the field is repeated.
    pub repeated: bool,
    /// Name of the oneof that the field belongs to.
    pub oneof: Option<String>,
}

/// The type of a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A scalar, by its name in protobuf.
    Scalar(Type),
    /// A message.
    Message(MessageId),
    /// An enum.
    Enum(EnumId),
}

/// An enum type.
#[derive(Debug, Default)]
pub struct Enum {
    /// Full name.
    pub name: String,
    /// Names and numbers of its values.
    pub values: Vec<(String, i32)>,
}

/// Read on first use.
static DESCRIPTORS: LazyLock<Descriptors> = LazyLock::new(|| {
    // The bytes are compiled in, and a test decodes them.
    let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap_or_default();
    Descriptors::read(&set)
});

impl Descriptors {
    /// The descriptors of the protocol.
    pub fn get() -> &'static Descriptors {
        &DESCRIPTORS
    }

    /// The message with this number.
    pub fn message(&self, id: MessageId) -> &Message {
        &self.messages[id]
    }

    /// The enum with this number.
    pub fn enumeration(&self, id: EnumId) -> &Enum {
        &self.enums[id]
    }

    /// The message with this full name.
    pub fn message_named(&self, name: &str) -> Option<MessageId> {
        self.messages.iter().position(|m| m.name == name)
    }

    /// The request and response messages of a method.
    pub fn method(&self, service: &str, name: &str) -> Option<(MessageId, MessageId)> {
        self.methods.get(&format!("{service}/{name}")).copied()
    }

    fn read(set: &FileDescriptorSet) -> Descriptors {
        let mut types = Types::default();
        for file in &set.file {
            let package = file.package();
            for message in &file.message_type {
                types.add_message(package, message);
            }
            for enumeration in &file.enum_type {
                types.add_enum(package, enumeration);
            }
        }
        let mut descriptors = Descriptors {
            enums: types
                .enums
                .iter()
                .map(|(name, e)| read_enum(name, e))
                .collect(),
            messages: types
                .messages
                .iter()
                .map(|(name, m)| types.read_message(name, m))
                .collect(),
            methods: HashMap::new(),
        };
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let of =
                        |name: &str| types.message_ids.get(name.trim_start_matches('.')).copied();
                    if let (Some(input), Some(output)) =
                        (of(method.input_type()), of(method.output_type()))
                    {
                        let name =
                            format!("{}.{}/{}", file.package(), service.name(), method.name());
                        descriptors.methods.insert(name, (input, output));
                    }
                }
            }
        }
        descriptors
    }
}

/// The types of all files, before references between them are resolved.
#[derive(Default)]
struct Types<'a> {
    messages: Vec<(String, &'a DescriptorProto)>,
    enums: Vec<(String, &'a EnumDescriptorProto)>,
    message_ids: HashMap<String, MessageId>,
    enum_ids: HashMap<String, EnumId>,
}

impl<'a> Types<'a> {
    fn add_message(&mut self, scope: &str, message: &'a DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.add_message(&name, nested);
        }
        for nested in &message.enum_type {
            self.add_enum(&name, nested);
        }
        self.message_ids.insert(name.clone(), self.messages.len());
        self.messages.push((name, message));
    }

    fn add_enum(&mut self, scope: &str, enumeration: &'a EnumDescriptorProto) {
        let name = format!("{scope}.{}", enumeration.name());
        self.enum_ids.insert(name.clone(), self.enums.len());
        self.enums.push((name, enumeration));
    }

    fn read_message(&self, name: &str, message: &DescriptorProto) -> Message {
        let mut fields: Vec<Field> = message
            .field
            .iter()
            .filter_map(|field| {
                let type_name = field.type_name().trim_start_matches('.');
                let kind = match field.r#type() {
                    Type::Message | Type::Group => {
                        FieldType::Message(*self.message_ids.get(type_name)?)
                    }
                    Type::Enum => FieldType::Enum(*self.enum_ids.get(type_name)?),
                    scalar => FieldType::Scalar(scalar),
                };
                let oneof = field.oneof_index.and_then(|index| {
                    let oneof = message.oneof_decl.get(usize::try_from(index).ok()?)?;
                    Some(oneof.name().to_string())
                });
                Some(Field {
                    number: u32::try_from(field.number()).ok()?,
                    name: field.name().to_string(),
                    json_name: field.json_name().to_string(),
                    kind,
                    repeated: field.label() == Label::Repeated,
                    oneof,
                })
            })
            .collect();
        let in_file: Vec<u32> = fields.iter().map(|field| field.number).collect();
        fields.sort_by_key(|field| field.number);
        let place = |number| fields.binary_search_by_key(&number, |f| f.number).ok();
        Message {
            name: name.to_string(),
            declared: in_file.into_iter().filter_map(place).collect(),
            fields,
        }
    }
}

fn read_enum(name: &str, enumeration: &EnumDescriptorProto) -> Enum {
    Enum {
        name: name.to_string(),
        values: enumeration
            .value
            .iter()
            .map(|value| (value.name().to_string(), value.number()))
            .collect(),
    }
}

impl Message {
    /// The field with this number.
    pub fn field(&self, number: u32) -> Option<&Field> {
        let at = self
            .fields
            .binary_search_by_key(&number, |f| f.number)
            .ok()?;
        self.fields.get(at)
    }

    /// The field with this name, in either form.
    pub fn field_named(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|f| f.name == name || f.json_name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_lead_to_messages_and_these_to_others() {
        let all = Descriptors::get();
        let (input, output) = all.method("etcdserverpb.KV", "Txn").unwrap();
        assert_eq!(all.message(input).name, "etcdserverpb.TxnRequest");
        assert_eq!(all.message(output).name, "etcdserverpb.TxnResponse");
        let compare = all.message(input).field_named("compare").unwrap();
        assert!(compare.repeated && compare.number == 1);
        let FieldType::Message(compare) = compare.kind else {
            panic!("{compare:?}");
        };
        let compare = all.message(compare);
        assert_eq!(
            compare.field(4).unwrap().oneof.as_deref(),
            Some("target_union")
        );
        assert_eq!(compare.field_named("rangeEnd").unwrap().number, 64);
        let FieldType::Enum(target) = compare.field(2).unwrap().kind else {
            panic!("no enum");
        };
        assert!(
            all.enumeration(target)
                .values
                .contains(&("VALUE".to_string(), 3))
        );
        assert!(all.method("etcdserverpb.KV", "Frob").is_none());
    }
}
