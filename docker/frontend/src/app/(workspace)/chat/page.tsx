import { Welcome } from "../../../components/welcome";

export default function ChatPage() {
  return (
    <Welcome
      title="Chat about your todos"
      text="Log in, and the assistant adds, lists, changes and completes them for you."
    />
  );
}
