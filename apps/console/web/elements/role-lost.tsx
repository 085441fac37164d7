/** For a person whose role was taken away while a form held unsaved text. */
export function RoleLost({ discard }: { discard: () => void }) {
  return (
    <div className="banner warn" role="status">
      <span className="dot warn" />
      Your role was changed, so you can no longer save this. What you typed stays here until you leave.
      <div className="actions">
        <button type="button" onClick={discard}>
          Discard
        </button>
      </div>
    </div>
  );
}
