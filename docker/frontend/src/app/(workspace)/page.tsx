import { Welcome } from "../../components/welcome";

export default function TodosPage() {
  return (
    <Welcome
      title="What needs doing, in one place"
      text="Write it down and tick it off, or tell the assistant in your own words: it keeps the list for you."
    />
  );
}
