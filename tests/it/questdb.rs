//! The QuestDB sink against a real server.
