import { useState, type DragEvent } from 'react';

/** A file is dropped here, or chosen with the keyboard. */
export function ChooseFile({
  choose,
  refused,
}: {
  choose: (file: File) => void;
  refused: string | undefined;
}) {
  const [isOver, setOver] = useState(false);
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file !== undefined) choose(file);
  };
  return (
    <div
      className={isOver ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <label htmlFor="import-file">
        Drop a file here, or choose one. Nothing changes before you have seen what would.
      </label>
      <input
        id="import-file"
        type="file"
        accept=".csv,.ndjson,.jsonl,text/csv"
        onChange={({ target }) => {
          const file = target.files?.[0];
          if (file !== undefined) choose(file);
          // The same file can be chosen again after it was corrected.
          target.value = '';
        }}
      />
      {refused !== undefined && (
        <p className="bad-text" role="alert">
          {refused}
        </p>
      )}
    </div>
  );
}
