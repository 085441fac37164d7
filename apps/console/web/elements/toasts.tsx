import { Toast } from '@base-ui/react/toast';
import { useEffect } from 'react';
import { listen, type Said } from './say.ts';

type ToastData = Pick<Said, 'action'>;

const manager = Toast.createToastManager<ToastData>();

function add({ title, kind, detail, action }: Said): void {
  manager.add({
    title,
    type: kind,
    timeout: kind === 'bad' ? 0 : action === undefined ? 5_000 : 10_000,
    // Base UI hides a toast with priority `high` from screen readers, but keyboards still reach it.
    priority: 'low',
    ...(detail !== undefined && { description: detail }),
    data: action === undefined ? {} : { action },
  });
}

/** The messages of all pages. */
export function Toasts() {
  useEffect(() => listen(add), []);
  return (
    <Toast.Provider toastManager={manager}>
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts, close } = Toast.useToastManager<ToastData>();
  return toasts.map((toast) => {
    const action = toast.data?.action;
    return (
      <Toast.Root key={toast.id} toast={toast} className={`toast ${toast.type ?? ''}`}>
        <Toast.Content className="toast-content">
          <div>
            <Toast.Title className="toast-title" />
            <Toast.Description className="toast-text" />
          </div>
          {action !== undefined && (
            <button
              type="button"
              onClick={() => {
                close(toast.id);
                action.run();
              }}
            >
              {action.name}
            </button>
          )}
          <Toast.Close aria-label="Close" className="quiet">
            ✕
          </Toast.Close>
        </Toast.Content>
      </Toast.Root>
    );
  });
}
